# Results that were kept, shown and compared.
viaduct bench report --help
viaduct bench compare --help
viaduct bench report bench/net.json
viaduct bench report bench/boot-a.json
# What a terminal takes for commands does not reach it.
viaduct bench report bench/hostile.json
viaduct bench report bench/boot-a.json --json
# What follows from a result is not read from it.
viaduct bench report bench/net.json --json >one; viaduct bench report one --json | cmp - one
viaduct bench report bench/net.json --html page && head -c 15 page && grep -c '</html>' page
viaduct bench report bench/boot-a.json --html page --text | head -n 1
viaduct bench report bench/boot-a.json --html /nowhere/page
viaduct bench report bench/nothing.json
viaduct bench report /dev/null
echo '{"version": 1, "kind": "net", "kind": "net"}' >two; viaduct bench report two
echo '{"version": 7}' >seven; viaduct bench report seven
echo '[1]' >list; viaduct bench report list
sed 's/"samples": \[2700, 2701/"samples": [2700, -2701/' bench/boot-a.json >negative; viaduct bench report negative
viaduct bench compare bench/boot-a.json bench/boot-a.json
viaduct bench compare bench/boot-a.json bench/boot-b.json
viaduct bench compare bench/boot-b.json bench/boot-a.json
viaduct bench compare bench/boot-b.json bench/boot-a.json --threshold 10
viaduct bench compare bench/boot-a.json bench/boot-b.json --json
viaduct bench compare bench/boot-a.json bench/net.json
viaduct bench compare bench/net.json bench/net.json | tail -n 1
viaduct bench compare bench/boot-a.json
viaduct bench compare bench/boot-a.json bench/boot-b.json --threshold much
