"use strict";

// Shows openapi.json. Everything in it becomes text, never markup.

function element(name, ...children) {
  const made = document.createElement(name);
  made.append(...children.filter((child) => child !== ""));
  return made;
}

function table(headings, rows) {
  const head = element("tr", ...headings.map((one) => element("th", one)));
  const body = rows.map((row) => element("tr", ...row.map((one) => element("td", one))));
  return element("table", element("thead", head), element("tbody", ...body));
}

function typeOf(schema, names) {
  if (!schema) return "";
  if (schema.$ref) return names.link(schema.$ref);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.anyOf) {
    const kinds = schema.anyOf.flatMap((one, place) => [place ? " | " : "", typeOf(one, names)]);
    return element("span", ...kinds);
  }
  if (schema.type === "array") return element("span", "list of ", typeOf(schema.items || {}, names));
  const bounds = [schema.minimum, schema.maximum].filter((one) => one !== undefined);
  return (schema.type || "anything") + (bounds.length === 2 ? ` ${bounds[0]} to ${bounds[1]}` : "");
}

const names = {
  of: (reference) => reference.split("/").pop(),
  link(reference) {
    const link = element("a", this.of(reference));
    link.href = `#${this.of(reference)}`;
    return link;
  },
};

function parameters(operation) {
  const rows = (operation.parameters || []).map((one) => [
    element("code", one.name),
    one.in,
    typeOf(one.schema, names),
    one.required ? "required" : JSON.stringify(one.schema.default),
    one.description || "",
  ]);
  return rows.length ? table(["parameter", "in", "type", "default", ""], rows) : "";
}

function responses(operation) {
  const rows = Object.entries(operation.responses).map(([status, response]) => {
    const content = Object.entries(response.content || {});
    const shown = content.map(([type, one]) => element("div", `${type} `, typeOf(one.schema, names)));
    return [element("code", status), response.description, element("div", ...shown)];
  });
  return table(["status", "", "answer"], rows);
}

function operation(base, path, method, one) {
  const heading = element(
    "summary", element("code", `${method.toUpperCase()} ${base}${path}`), element("span", one.summary),
  );
  const found = element("details", heading, element("p", one.description || ""));
  found.append(...[parameters(one), responses(one)].filter((part) => part !== ""));
  return found;
}

function schema(name, one) {
  const heading = element("summary", element("code", name));
  const rows = Object.entries(one.properties || {}).map(([key, value]) => [
    element("code", key), typeOf(value, names), value.description || "",
  ]);
  const found = element("details", heading, element("p", one.description || ""));
  found.id = name;
  found.append(table(["key", "type", ""], rows));
  return found;
}

function show(definition) {
  const base = ((definition.servers || [])[0] || { url: "" }).url;
  const main = document.getElementById("document");
  main.append(element("p", definition.info.description));
  const groups = new Map();
  for (const [path, methods] of Object.entries(definition.paths)) {
    for (const [method, one] of Object.entries(methods)) {
      const group = (one.tags || ["other"])[0];
      groups.set(group, [...(groups.get(group) || []), operation(base, path, method, one)]);
    }
  }
  for (const [group, operations] of groups) main.append(element("h2", group), ...operations);
  const shapes = Object.entries(definition.components.schemas).map(([name, one]) => schema(name, one));
  main.append(element("h2", "shapes"), ...shapes);
  openNamed();
}

function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named && named.tagName === "DETAILS") {
    named.open = true;
    named.scrollIntoView();
  }
}

addEventListener("hashchange", openNamed);
fetch("openapi.json").then((answer) => answer.json()).then(show);
