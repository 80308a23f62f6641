boom() {
    no-such-command # here
    exit 1
}

mode=$1
shift
case $mode in
hello) echo 'hello ä€😀' ;;
args) for arg in "$@"; do echo "[$arg]"; done ;;
cat) cat ;;
env) echo "[$WORD]" ;;
memory)
    echo filling
    kept=xxxxxxxx
    while :; do kept=$kept$kept; done
    ;;
exit) exit 3 ;;
stderr)
    echo out
    echo err >&2
    ;;
crash) boom ;;
loop)
    echo looping
    while :; do :; done
    ;;
child)
    setsid sleep 6021 >/dev/null 2>&1 &
    echo begun
    ;;
mebibyte) for ((number = 0; number < 16384; number++)); do printf '%063d\n' $number; done ;;
files) echo -n "$(cat in.txt)!" >out.txt ;;
net) (exec 3<>/dev/tcp/192.0.2.1/80) 2>/dev/null && echo connected || echo no network ;;
esac
