# bash completion for sockeye; written by completions/generate.
_sockeye()
{
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W "get nc ping run up ss drill impair lua show send sr srloop ls demo -h --help --version" -- "$word"))
        return
    fi
    case $before in
    --record | --output | -o)
        compopt -o filenames 2>/dev/null
        COMPREPLY=($(compgen -f -- "$word"))
        return
        ;;
    --link)
        COMPREPLY=($(compgen -W "share share: user tap tap: lan: packet:" -- "$word"))
        compopt -o nospace 2>/dev/null
        return
        ;;
    esac
    [[ $word == -* ]] || { compopt -o default 2>/dev/null; return; }
    case ${COMP_WORDS[1]} in
    get)
        COMPREPLY=($(compgen -W "-o --output -O --remote-name -f --fail -v --verbose -s --silent -L --location -I --head -d --data -4 --ipv4 -6 --ipv6 -X --request -H --header --compressed -k --insecure --cacert --resolve --connect-timeout --max-time --kernel -h --help --link --addr --dhcp --slaac --gateway --route --dns --mac --mtu --vlan --no-offload --impair --record --events --set --seed --host --no-confine" -- "$word"))
        ;;
    nc)
        COMPREPLY=($(compgen -W "-l --listen -u --udp -U --unix -p --port -s --source -k --keep -z --zero -N --shutdown -q --quit -w --wait -n --numeric -4 -6 -v --verbose --proto --kernel -h --help --link --addr --dhcp --slaac --gateway --route --dns --mac --mtu --vlan --no-offload --impair --record --events --set --seed --host --no-confine" -- "$word"))
        ;;
    ping)
        COMPREPLY=($(compgen -W "-c --count -i --interval -s --size -W --timeout -t --ttl -4 --ipv4 -6 --ipv6 -v --verbose --kernel -h --help --link --addr --dhcp --slaac --gateway --route --dns --mac --mtu --vlan --no-offload --impair --record --events --set --seed --host --no-confine" -- "$word"))
        ;;
    run)
        COMPREPLY=($(compgen -W "--loopback --trace -o --output -v --verbose -h --help --link --addr --dhcp --slaac --gateway --route --dns --mac --mtu --vlan --no-offload --impair --record --events --set --seed --host --no-confine" -- "$word"))
        ;;
    up)
        COMPREPLY=($(compgen -W "-f --foreground --loopback --stop -v --verbose -h --help --link --addr --dhcp --slaac --gateway --route --dns --mac --mtu --vlan --no-offload --impair --record --events --set --seed --host --no-confine" -- "$word"))
        ;;
    ss)
        COMPREPLY=($(compgen -W "--host --kernel -t --tcp -u --udp -w --raw -0 --packet -a --all -l --listening -4 --ipv4 -6 --ipv6 -n --numeric -o --options -i --info -p --processes -e --extended -m --memory -s --summary -O --oneline -H --no-header -K --kill --json --watch -h --help" -- "$word"))
        ;;
    drill)
        COMPREPLY=($(compgen -W "-v --verbose -j --json -4 --ipv4 -6 --ipv6 -p --play -h --help" -- "$word"))
        ;;
    impair)
        COMPREPLY=($(compgen -W "-t --time -v --verbose --seed --mtu --no-confine -h --help" -- "$word"))
        ;;
    lua)
        COMPREPLY=($(compgen -W "-e --execute -i --interactive -v --verbose -h --help" -- "$word"))
        ;;
    show)
        COMPREPLY=($(compgen -W "-2 --built -s --summary -c --command -j --json -x --hex -b --bytes -h --help" -- "$word"))
        ;;
    send)
        COMPREPLY=($(compgen -W "-c --count -i --inter -I --iface -2 --layer2 -v --verbose -h --help" -- "$word"))
        ;;
    sr)
        COMPREPLY=($(compgen -W "-t --timeout -r --retry -i --inter -I --iface -2 --layer2 -v --verbose -h --help" -- "$word"))
        ;;
    srloop)
        COMPREPLY=($(compgen -W "-c --count -i --inter -t --timeout -I --iface -v --verbose -h --help" -- "$word"))
        ;;
    ls)
        COMPREPLY=($(compgen -W "-h --help" -- "$word"))
        ;;
    demo)
        COMPREPLY=($(compgen -W "-m --memory -h --help" -- "$word"))
        ;;
    esac
}
complete -F _sockeye sockeye
