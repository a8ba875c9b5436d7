viaduct list
viaduct list --all | cut -c1-40
viaduct vf list
viaduct vf list eth0
viaduct vf list nvme0
