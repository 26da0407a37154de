#!/bin/sh
# test/debian.sh: the tests, the demo and the package on a Debian with nothing
# on it.
#
# Decides what such a Debian is: debootstrap's smallest one, with git, make,
# sudo and certificates, in a temporary folder, and in it a clone of the last
# commit, with ../shared where there is one. Runs there what the README says,
# first as root, then as a user who has sudo. Needs root and debootstrap. Must
# not leave mounts or processes behind, and removes the folder only when
# nothing is mounted below it.
#
# SUITE=bookworm   Debian's release
# MIRROR=url       where from; else what this computer's apt uses for Debian
# AS="root user"   who runs it
# RUN="make test"  what to run instead of everything
# KEEP=1           keep the folder, and say where it is
set -eu
. "$(dirname "$0")/lib.sh"

suite=${SUITE:-bookworm}
root=
mounted=

[ "$(id -u)" = 0 ] || die "test-debian needs root: it makes a chroot"
command -v debootstrap >/dev/null || die "test-debian needs debootstrap"

# host_mirror ARCHIVE: where apt of this computer finds it
host_mirror()
{
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
		sed -n -e 's/^URIs: *\([^ ]*\).*/\1/p' -e 's/^deb *\(\[[^]]*\] *\)*\([a-z]*:[^ ]*\).*/\2/p' |
		grep "/$1/\{0,1\}\$" | head -n 1
}
mirror=${MIRROR:-$(host_mirror debian)}
mirror=${mirror:-http://deb.debian.org/debian}
security=$(host_mirror debian-security)
security=${security:-http://deb.debian.org/debian-security}

cleanup()
{
	trap '' INT TERM HUP
	[ -n "$root" ] || return 0
	# Whatever still runs in there (a demo, after an error) keeps it busy.
	for link in /proc/[0-9]*/root; do
		if [ "$(readlink "$link" 2>/dev/null)" = "$root" ]; then
			process=${link#/proc/}
			kill -9 "${process%/root}" 2>/dev/null || :
		fi
	done
	for point in $mounted; do umount -l "$root/$point" || :; done
	if [ -n "${KEEP:-}" ]; then
		echo "Kept: $root"
	elif grep -q " $root/" /proc/mounts; then
		echo "cirro: something is mounted below $root, so it stays" >&2
	else
		rm -rf --one-file-system "$root"
	fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

inside()		# inside USER COMMAND...
{
	user=$1
	shift
	chroot "$root" env -i HOME="$(chroot "$root" sh -c "echo ~$user")" TERM="${TERM:-dumb}" \
		http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		setpriv --reuid "$user" --regid "$user" --init-groups sh -c "cd ~ && $*"
}

echo "== a bare $suite from $mirror"
root=$(mktemp -d "/var/tmp/cirro-$suite.XXXXXX")
chmod 755 "$root"
debootstrap --variant=minbase --include=git,make,sudo,ca-certificates "$suite" "$root" "$mirror" >"$root.log" 2>&1 ||
	{ tail -n 20 "$root.log" >&2; rm -f "$root.log"; die "debootstrap failed"; }
rm -f "$root.log"
mount -t proc proc "$root/proc"
mounted=proc
mkdir -p "$root/dev/shm"
mount -t tmpfs tmpfs "$root/dev/shm"
mounted="dev/shm $mounted"
for file in /etc/resolv.conf /etc/hosts; do cp -L "$file" "$root$file"; done
case $suite in
	sid|unstable) ;;
	*) echo "deb $security $suite-security main" >>"$root/etc/apt/sources.list" ;;
esac
# Certificates that this computer trusts: its mirror may need them.
if ls /usr/local/share/ca-certificates/*.crt >/dev/null 2>&1; then
	cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
	chroot "$root" update-ca-certificates >/dev/null 2>&1
fi
chroot "$root" useradd -m -s /bin/sh user
echo 'user ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/user"

failures=0
for who in ${AS:-root user}; do
	home=$(chroot "$root" sh -c "echo ~$who")
	git -c advice.detachedHead=false clone -q "file://$top" "$root$home/cirro"
	if [ -d "$top/../shared" ]; then cp -R "$top/../shared" "$root$home/"; fi
	chroot "$root" chown -R "$who:" "$home"
	if [ -n "${RUN:-}" ]; then set -- "$RUN"; else set -- "make test" "make demo" "make demo-stop" "make deb-test"; fi
	if [ -z "${RUN:-}" ] && [ "$who" = root ]; then set -- "$@" "test/dockerfile.sh"; fi
	for command in "$@"; do
		printf '\n== %s on %s as %s\n' "$command" "$suite" "$who"
		started=$(date +%s)
		code=0
		inside "$who" "cd cirro && $command" </dev/null || code=$?
		printf '== %s on %s as %s: exit code %s after %s s\n' "$command" "$suite" "$who" \
			"$code" $(($(date +%s) - started))
		[ "$code" = 0 ] || failures=$((failures + 1))
	done
done
[ "$failures" = 0 ]
