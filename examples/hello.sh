# The same greeting in bash.

for line in "Hello from a sandbox." "There is no network here," "nor anybody's home directory." "Goodbye, ${1:-world}."; do
    printf '%s\n' "$line"
    sleep 0.3
done
