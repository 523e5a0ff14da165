"""Completion: the scripts that make a shell ask `p42 __complete`."""

from __future__ import annotations

from typing import Annotated

import typer

from p42.model.errors import InvalidInput

BASH = r"""# p42 completion for bash. In ~/.bashrc:  eval "$(p42 completion bash)"
_p42() {
  local IFS=$'\n' line lines
  # A word with = is cut by readline; what stands before the cut is not offered again.
  local words=() word glued=""
  for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ $word == "=" || $glued == "=" ]] && ((${#words[@]})); then
      words[-1]+=$word; glued=$word
    else
      words+=("$word"); glued=""
    fi
  done
  lines=($(p42 __complete -- "${words[@]}" 2>/dev/null))
  COMPREPLY=()
  for line in "${lines[@]}"; do
    if [[ $line == ":files" ]]; then
      compopt -o default
      return
    fi
    line=${line%%$'\t'*}
    [[ ${words[-1]} == --*=* ]] && line=${line#*=}
    [[ $line == *= ]] && compopt -o nospace
    COMPREPLY+=("$line")
  done
}
complete -F _p42 p42
"""

ZSH = r"""#compdef p42
# p42 completion for zsh. In ~/.zshrc, after compinit:  eval "$(p42 completion zsh)"
_p42() {
  local -a lines plain
  local line
  lines=("${(@f)$(p42 __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in "${lines[@]}"; do
    [[ -z $line ]] && continue
    if [[ $line == ":files" ]]; then
      _files
      return
    fi
    plain+=("${${line//:/\\:}/$'\t'/:}")
  done
  _describe -V p42 plain
}
if [[ $funcstack[1] == _p42 ]]; then _p42 "$@"; else compdef _p42 p42; fi
"""

FISH = r"""# p42 completion for fish. Once:
#   p42 completion fish > ~/.config/fish/completions/p42.fish
function __p42_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines (p42 __complete -- $words[2..] 2>/dev/null)
    if contains -- :files $lines
        __fish_complete_path (commandline -ct)
        return
    end
    printf '%s\n' $lines
end
complete -c p42 -f -a '(__p42_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def completion(
    shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", show_default=False)],
) -> int:
    """Print the completion script of a shell; its first lines say where it goes."""
    if shell not in SCRIPTS:
        raise InvalidInput(f"{shell}: there is {', '.join(SCRIPTS)}")
    print(SCRIPTS[shell], end="")
    return 0
