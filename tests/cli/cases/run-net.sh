# --net, as far as it goes without a guest.
viaduct run --kernel nosuch --net
viaduct run --kernel nosuch --net ''
viaduct run --kernel nosuch --net bridge
viaduct run --kernel nosuch --net tap
viaduct run --kernel nosuch --net tap=
viaduct run --kernel nosuch --net tap=0123456789abcdef
viaduct run --kernel nosuch --net tap=a/b
viaduct run --kernel nosuch --net tap=tap%d
viaduct run --kernel nosuch --net tap=..
viaduct run --kernel nosuch --net user,
viaduct run --kernel nosuch --net user,vhost
viaduct run --kernel nosuch --net tap=tap0,fast
viaduct run --kernel nosuch --net tap=tap0,mac=
viaduct run --kernel nosuch --net tap=tap0,mac=02:00:00:00:00
viaduct run --kernel nosuch --net tap=tap0,mac=00:00:00:00:00:00
viaduct run --kernel nosuch --net user,mac=01:00:5e:00:00:01
viaduct run --kernel nosuch --net tap=tap0,queues=0
viaduct run --kernel nosuch --net tap=tap0,queues=17
viaduct run --kernel nosuch --net tap=tap0,queues=two
viaduct run --kernel nosuch --net user,queues=2
viaduct run --kernel nosuch --net tap=tap0 --net tap=tap1,vhost --net tap=tap0
viaduct run --kernel nosuch --net user --net user --net user --net user --net user --net user --net user --net user --net user
# Nothing to say against these; the host of this test has no KVM.
viaduct run --kernel nosuch --console none --net user,mac=02:00:00:00:00:01,queues=1
viaduct run --kernel nosuch --console none --net tap=0123456789abcde,vhost,queues=16,mac=52:54:00:12:34:56 --net user
