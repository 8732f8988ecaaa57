"""What makes bash complete references: it divides words at colons, and click follows it."""

import os

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    add_completion_class,
    split_arg_string,
)


@add_completion_class
class WholeWords(BashComplete):
    """Reads the line itself, because references and fields have colons."""

    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n' line
    COMPREPLY=()
    while read -r line; do
        [[ $line == file ]] && compopt -o default && continue
        [[ $line == dir ]] && compopt -o dirnames && continue
        [[ $line == *: ]] && compopt -o nospace
        COMPREPLY+=("$line")
    done < <(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \\
        %(complete_var)s=bash_complete $1)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the arguments before the word that is being typed, and that word."""
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)[1:]
        return (words, "") if line[-1:].isspace() or not words else (words[:-1], words[-1])

    def format_completion(self, item: CompletionItem) -> str:
        """Return what bash puts behind the last of its divisions."""
        if item.type != "plain":
            return item.type
        _, typed = self.get_completion_args()
        breaks = os.environ.get("COMP_WORDBREAKS", "")
        begun = max((typed.rfind(sign) + 1 for sign in ":=" if sign in breaks), default=0)
        value: str = item.value
        return value[begun:] if value.startswith(typed[:begun]) else value
