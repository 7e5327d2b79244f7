# Completion of the facula command in bash. It asks the program itself, so that it knows what the program knows.

_facula_options() { # _facula_options [COMMAND]
    "${COMP_WORDS[0]}" "$@" --help 2>/dev/null | grep -oE -- '(^| )--[a-z][a-z-]*' | tr -d ' ' | sort -u
}

# What an option may be, from the error about what it may not be.
_facula_values() { # _facula_values COMMAND OPTION
    "${COMP_WORDS[0]}" "$1" "$2=" 2>&1 | sed -n "1{s/.*'': //;s/,//g;p}"
}

_facula() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command= words= i
    for ((i = 1; i < COMP_CWORD && ${#command} == 0; i++)); do
        [[ ${COMP_WORDS[i]} == -* ]] || command=${COMP_WORDS[i]}
    done
    if [[ $current == "=" ]]; then # bash takes --option=value for three words
        current=
    elif [[ $before == "=" ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $command:$before in
        :*)
            words="$("${COMP_WORDS[0]}" --help 2>/dev/null | sed '1,/^Commands/d' | awk '{print $1}')
                   $(_facula_options)"
            ;;
        train:--model | train:-m)
            words="mlp $("${COMP_WORDS[0]}" train --help 2>/dev/null | sed '1,/^Networks/d' | awk '{print $1}')"
            ;;
        train:--optimizer | train:--schedule | train:--task) words=$(_facula_values train "$before") ;;
        train:--augment) words="shift flip shift,flip" ;;
        eval:--part) words="train test" ;;
        ops:ops) words=$("${COMP_WORDS[0]}" ops 2>/dev/null | awk '{print $1}') ;;
        *) [[ $current == -* ]] && words=$(_facula_options "$command") ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    if [[ $before == -m || $before == --model ]]; then # it may be a file, too
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current")
    fi
}

complete -o default -F _facula facula
