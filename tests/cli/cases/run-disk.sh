# --disk, as far as it goes without a guest.
viaduct run --kernel nosuch --disk
viaduct run --kernel nosuch --disk ''
viaduct run --kernel nosuch --disk ,ro
viaduct run --kernel nosuch --disk image,
viaduct run --kernel nosuch --disk image,rw
viaduct run --kernel nosuch --disk a,b.img
viaduct run --kernel nosuch --disk image,queues=
viaduct run --kernel nosuch --disk image,queues=0
viaduct run --kernel nosuch --disk image,queues=17
viaduct run --kernel nosuch --disk image,queues=-1
viaduct run --kernel nosuch --disk image,queues=1x
viaduct run --kernel nosuch $(seq -f '--disk image%g' 17)
# Nothing to say against these; the host of this test has no KVM.
viaduct run --kernel nosuch --console none --disk image,ro,direct,queues=16 --disk a,,b.img,ro --disk ,,,ro
