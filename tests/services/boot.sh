#!/bin/bash
# boot.sh DIRECTORY PROJECT PYTHON PACKAGES DAPR: run systemd as the first process of a machine without a disk.
# The caller gives it namespaces of its own. systemd empties /tmp and changes the system that it boots, so nothing of this
# system is left in sight before it starts: / is a new file system, and what it shows of this one is read-only.
set -euo pipefail
root=$1 project=$2 python=$3 packages=$4 dapr=$5
[ "$$" -eq 1 ] || { echo "boot.sh must be the first process of a PID namespace" >&2; exit 1; }

mount --make-rprivate /
mount -t tmpfs -o mode=755 machine "$root"
show() {
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
    mount -o remount,bind,ro "$root$2"
}
show /usr /usr
for each in bin sbin lib lib32 lib64; do
    if [ -L "/$each" ]; then cp -a "/$each" "$root/"; elif [ -d "/$each" ]; then show "/$each" "/$each"; fi
done
show "$project" /opt/pizzashop
show "$python" /opt/python
show "$packages" /opt/packages
show "$dapr" /opt/cache
# Without the units of the distribution, systemd starts what it is told and nothing else.
mount -t tmpfs none "$root/usr/lib/systemd/system"

cd "$root"
mkdir -p dev/shm etc/systemd/system opt/shop/bin proc run sys tmp var/lib var/log old
chmod 1777 tmp
mount -t tmpfs -o mode=1777 none dev/shm
for each in null zero full random urandom tty; do touch "dev/$each"; mount --bind "/dev/$each" "dev/$each"; done
ln -s /proc/self/fd dev/fd
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mkdir etc/ld.so.conf.d
printf '%s\n' /opt/python/lib 'include /etc/ld.so.conf.d/*.conf' >etc/ld.so.conf
cp /etc/ld.so.conf.d/*.conf etc/ld.so.conf.d/
echo 'root:x:0:0::/:/bin/sh
pizzashop:x:999:999::/nonexistent:/usr/sbin/nologin' >etc/passwd
echo 'root:x:0:
pizzashop:x:999:' >etc/group
echo '127.0.0.1 localhost' >etc/hosts
tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
ip link set lo up
pivot_root . old
umount -l /old
rmdir /old

/sbin/ldconfig
# A virtual environment whose packages are those of the project's own.
/opt/python/bin/python3 -m venv --without-pip /opt/shop
printf '%s\n' /opt/pizzashop /opt/packages >"$(echo /opt/shop/lib/python3*/site-packages)/shop.pth"
printf '%s\n' '#!/opt/shop/bin/python' 'from pizzashop.cli import main' 'main()' >/opt/shop/bin/pizzashop
chmod 755 /opt/shop/bin/pizzashop
cd /opt/pizzashop
printf '%s\n' PIZZASHOP_PACE=0.3 >/etc/pizzashop.env
PIZZASHOP_CACHE_DIR=/opt/cache HOME=/ /opt/shop/bin/pizzashop units --dir /etc/systemd/system

cd /etc/systemd/system
for each in sysinit basic network shutdown; do printf '[Unit]\nDefaultDependencies=no\n' >$each.target; done
mkdir service.d
printf '[Service]\nStandardOutput=append:/var/log/%%N.log\nStandardError=inherit\n' >service.d/log.conf
# The last line of defence: an empty /tmp in memory cannot be that of the system under this one.
[ "$(stat -f -c %T / /tmp | sort -u)" = tmpfs ] && [ -z "$(ls -A /tmp)" ] || { echo "/tmp is not its own" >&2; exit 1; }
export container=lxc
exec /lib/systemd/systemd --system --unit=pizzashop.target --log-target=console --show-status=false
