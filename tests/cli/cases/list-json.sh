viaduct list --json 2>/dev/null
viaduct vf list --json
viaduct vf list 01:00.1 --json
