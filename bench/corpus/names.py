"""Names of repositories as people choose them, with near-duplicates and descriptions."""

from collections.abc import Sequence

from bench.corpus import words
from bench.corpus.dice import Dice
from bench.corpus.software import PROGRAMS, Software

_NEAR_DUPLICATES = 0.08
_ENDINGS = ("-v2", "2", "-ng", "-dev", "-test", "-old", ".next", "-legacy", "_copy", "-staging")


class Names:
    """Makes names, each only once."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._given: dict[str, None] = {}
        self._order: list[str] = []

    def name_software(self, software: Software, namespaces: Sequence[str]) -> str:
        """Return a name for a well-known program: in one namespace, or another, or numbered."""
        candidates = [
            f"{space}/{software.name}" if space else software.name for space in namespaces
        ]
        for candidate in self._dice.shuffled(candidates):
            if candidate not in self._given:
                return self._give(candidate)
        return self._give(self._new(f"{self._dice.choose(words.TEAMS)}/{software.name}"))

    def name_application(self) -> str:
        """Return the name of a team's own program."""
        if self._order and self._dice.chance(_NEAR_DUPLICATES):
            return self._give(self._new(self._near(self._dice.choose(self._order))))
        return self._give(self._new(self._application()))

    def name_artifact(self, folder: str) -> str:
        """Return a name for an artifact, in the folder of its kind."""
        dice = self._dice
        last = f"{dice.choose(words.PRODUCTS)}-{dice.choose(words.COMPONENTS)}"
        if dice.chance(0.4):
            last = dice.choose(PROGRAMS).name
        team = dice.choose(words.TEAMS)
        return self._give(self._new(dice.choose((f"{folder}/{last}", f"{team}/{folder}/{last}"))))

    def _application(self) -> str:
        dice = self._dice
        team, group = dice.favour(words.TEAMS), dice.choose(words.GROUPS)
        product, component = dice.choose(words.PRODUCTS), dice.choose(words.COMPONENTS)
        separator = dice.choose("---__.")
        last = f"{product}{separator}{component}"
        if dice.chance(0.15):
            code_name = "".join(dice.some(words.SYLLABLES, dice.between(2, 3)))
            last = dice.choose((code_name, f"{code_name}-{component}", f"{code_name}/{component}"))
        if dice.chance(0.1):
            last += str(dice.between(2, 9))
        shapes = (
            f"{team}/{last}",
            f"{team}/{last}",
            f"team-{team}/{last}",
            f"{team}/{group}/{last}",
            f"{team}/{product}/{component}",
            f"{group}/{team}-{last}",
            f"{team}_{last}" if dice.chance(0.3) else f"{team}/{last}",
        )
        return dice.choose(shapes)

    def _near(self, name: str) -> str:
        """Return a similar name, as another person may choose it."""
        dice = self._dice
        space, _, last = name.rpartition("/")
        changed = dice.choose(
            (
                last.replace("-", "_"),
                last.replace("-", ""),
                last.replace("_", "-").replace(".", "-"),
                last + dice.choose(_ENDINGS),
                last[:-1] if len(last) > 5 and last[-2].isalnum() else last + "s",
            )
        )
        return f"{space}/{changed}" if space else changed

    def _new(self, name: str) -> str:
        if name not in self._given:
            return name
        for number in range(2, 1_000):
            numbered = f"{name}-{number}"
            if numbered not in self._given:
                return numbered
        raise ValueError(f"no name left like {name}")

    def _give(self, name: str) -> str:
        self._given[name] = None
        self._order.append(name)
        return name


def described(dice: Dice, software: Software | None = None) -> str:
    """Return a sentence or two about a well-known program, or about a team's own."""
    if software is not None:
        extra = " " + dice.choose(words.DETAILS) if dice.chance(0.3) else ""
        return f"{software.description}.{extra}"
    subject = f"{dice.choose(words.ADJECTIVES)} {dice.choose(words.THINGS)}"
    first, second = dice.some(words.TASKS, 2)
    objects = dice.some(words.OBJECTS, 2)
    text = f"{subject} that {first} {objects[0]}"
    if dice.chance(0.5):
        text += f" and {second} {objects[1]}"
    text += f" for {dice.choose(words.PLACES)}"
    if dice.chance(0.6):
        text += ". " + " ".join(dice.some(words.DETAILS, dice.between(1, 3)))
    return text[0].upper() + text[1:]


def title(name: str) -> str:
    """Return the readable title of a repository."""
    last = name.rpartition("/")[2]
    for separator in "-_.":
        last = last.replace(separator, " ")
    return last[0].upper() + last[1:]
