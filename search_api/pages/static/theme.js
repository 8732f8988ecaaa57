// Before anything is drawn, so that nothing flashes.
try {
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch { /* no storage, no choice */ }
document.documentElement.classList.add("scripted");
