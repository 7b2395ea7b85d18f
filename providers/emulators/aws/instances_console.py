"""The console of an instance: what its system wrote to the serial port, and what its screen shows.

Sources: EC2 API Reference (GetConsoleOutput, GetConsoleScreenshot), EC2 User Guide ("Access the EC2 serial
console output", "Capture a screenshot of an unreachable instance", "Instances built on the AWS Nitro System").
"""

from __future__ import annotations

import re
import struct
from datetime import datetime, timedelta

import msgspec

# GetConsoleOutput keeps the most recent 64 KB.
MOST_BYTES = 65536
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# Families that run on Xen; all later ones are built on Nitro.
_XEN = re.compile(
    r"(a0|c1|c3|c4|cc[12]|cg1|cr1|d2|f1|g2|g3s?|h1|hi1|hs1|i2|i3|m1|m2|m3|m4|p2|p3|r3|r4|t1|t2|x1e?)\..*"
)


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """What a boot log tells about a system. ``disks`` maps device names to sizes in GiB."""

    name: str
    private_ip: str
    private_dns: str
    instance_id: str
    region: str
    type: str
    booted: datetime
    disks: dict[str, int]
    user_data: str = ""

    @property
    def hostname(self) -> str:
        """The name it was given, or EC2's own (``ip-172-31-0-4``) where that is no host name."""
        return self.name if _HOST.fullmatch(self.name) else self.private_dns.partition(".")[0]


def nitro(instance_type: str) -> bool:
    """Whether the type is built on the Nitro system; only such give the latest output."""
    return not _XEN.fullmatch(instance_type)


def boot_log(host: Host, until: datetime | None = None) -> str:
    """The serial output of ``host``: its boot and, with ``until``, what it wrote up to that time."""
    lines = [*_kernel(host), *_services(host), *_cloud_init(host)]
    lines += ["", f"Debian GNU/Linux 12 {host.hostname} ttyS0", "", f"{host.hostname} login: "]
    if until is not None:
        lines += list(_since(host, until))
    text = "\r\n".join(lines)
    return text[-MOST_BYTES:]


def _kernel(host: Host) -> list[str]:
    devices = _devices(host)
    root = devices[0][0] if devices else "xvda"
    part = f"{root}p1" if root.startswith("nvme") else f"{root}1"
    board = "Amazon EC2" if nitro(host.type) else "Xen HVM domU"
    lines = [
        "Linux version 6.1.0-40-cloud-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14+deb12u1) "
        "12.2.0, GNU ld (GNU Binutils for Debian) 2.40) #1 SMP PREEMPT_DYNAMIC Debian 6.1.153-1",
        f"Command line: BOOT_IMAGE=/boot/vmlinuz-6.1.0-40-cloud-amd64 root=/dev/{part} ro console=tty0 "
        "console=ttyS0,115200 earlyprintk=ttyS0,115200 consoleblank=0",
        "BIOS-provided physical RAM map:",
        "BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable",
        "NX (Execute Disable) protection: active",
        f"DMI: {board} {host.type}/, BIOS 1.0 10/16/2017",
        "tsc: Fast TSC calibration using PIT",
        "smpboot: Allowing 2 CPUs, 0 hotplug CPUs",
        "Freeing SMP alternatives memory: 40K",
        "PCI: Using configuration type 1 for base access",
        "clocksource: Switched to clocksource kvm-clock",
        "Run /init as init process",
    ]
    for name, size in devices:
        sectors = size * 2**30 // 512
        lines.append(f"{name}: {sectors} 512-byte logical blocks ({size * 2**30 / 10**9:.1f} GB/{size}.0 GiB)")
    lines += [
        f"EXT4-fs ({part}): mounted filesystem with ordered data mode. Quota mode: none.",
        "ena 0000:00:05.0 ens5: renamed from eth0",
        f"EXT4-fs ({part}): re-mounted. Quota mode: none.",
    ]
    return [f"[{0.41 * number:12.6f}] {line}" for number, line in enumerate(lines)]


def _devices(host: Host) -> list[tuple[str, int]]:
    """Nitro shows EBS volumes as NVMe disks (EBS User Guide, "Amazon EBS volumes and NVMe")."""
    if nitro(host.type):
        return [(f"nvme{number}n1", size) for number, size in enumerate(host.disks.values())]
    return [(device.removeprefix("/dev/").replace("sd", "xvd"), size) for device, size in host.disks.items()]


def _services(host: Host) -> list[str]:
    return [
        "systemd[1]: systemd 252.39-1~deb12u1 running in system mode",
        "systemd[1]: Detected virtualization amazon."
        if nitro(host.type)
        else "systemd[1]: Detected virtualization xen.",
        f"systemd[1]: Hostname set to <{host.hostname}>.",
        "[  OK  ] Started systemd-journald.service - Journal Service.",
        "[  OK  ] Reached target local-fs.target - Local File Systems.",
        "[  OK  ] Reached target network-online.target - Network is Online.",
        "[  OK  ] Started ssh.service - OpenBSD Secure Shell server.",
        "[  OK  ] Reached target multi-user.target - Multi-User System.",
    ]


def _cloud_init(host: Host) -> list[str]:
    at = host.booted + timedelta(seconds=11)
    stamp = at.strftime("%a, %d %b %Y %H:%M:%S +0000")
    lines = [
        f"cloud-init[412]: Cloud-init v. 22.4.2 running 'init' at {stamp}. Up 6.72 seconds.",
        f"ci-info: |  ens5  | True |  {host.private_ip}  | 255.255.240.0 | global | . |",
        f"ec2: instance-id {host.instance_id} in {host.region}",
    ]
    if host.user_data:
        lines.append(f"cloud-init[655]: Running user-data script part-001 ({len(host.user_data.encode())} bytes)")
    lines.append(
        f"cloud-init[655]: Cloud-init v. 22.4.2 finished at {stamp}. Datasource DataSourceEc2Local. Up 11.03 s"
    )
    return lines


def _since(host: Host, until: datetime) -> list[str]:
    """What the kernel of a running system still says now and then, by the age of each line."""
    said = {
        timedelta(days=60): "hrtimer: interrupt took 30415 ns",
        timedelta(days=9): "TCP: request_sock_TCP: Possible SYN flooding on port 443. Sending cookies.",
        timedelta(days=2): "process 'usr/bin/unattended-upgrade' started with executable stack",
    }
    ages = {(until - age - host.booted).total_seconds(): text for age, text in said.items()}
    return [f"[{up:12.6f}] {text}" for up, text in ages.items() if up > 0]


def screenshot() -> bytes:
    """A JPEG of a blanked screen, 128 by 96 pixels, baseline and grey.

    Every 8x8 block is flat: the first one's DC coefficient says black, the others say "as before". Source:
    ITU-T T.81, annexes B (syntax) and F (sequential DCT mode).
    """
    width, height = 128, 96
    blocks = (width // 8) * (height // 8)
    # DC codes: 0 for "no change", 10 for a difference of 7 bits; the only AC code, 0, ends a block.
    bits = "10" + f"{-64 + 127:07b}" + "0" + "00" * (blocks - 1)
    bits += "1" * (-len(bits) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")

    def segment(marker: int, payload: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload

    return b"".join(
        [
            b"\xff\xd8",
            segment(0xE0, b"JFIF\0" + struct.pack(">BBBHHBB", 1, 1, 0, 1, 1, 0, 0)),
            segment(0xDB, b"\0" + bytes([16] * 64)),
            segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + bytes([1, 0x11, 0])),
            segment(0xC4, b"\x00" + bytes([1, 1] + [0] * 14) + bytes([0, 7])),
            segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + bytes([0])),
            segment(0xDA, bytes([1, 1, 0x00, 0, 63, 0])),
            scan,
            b"\xff\xd9",
        ]
    )
