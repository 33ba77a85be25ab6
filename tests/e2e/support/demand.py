"""What devices asked for, as an instance of query would have written it (lib/demand/demand.h)."""

import ipaddress
import uuid
from collections import Counter
from collections.abc import Iterator

NOT_PUBLIC = [ipaddress.ip_network(text) for text in (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "0.0.0.0/8",
    "fc00::/7", "fe80::/10", "::/127")]


def lan_part(lan: str) -> int:
    """As lib/edges/lan.c has it: LANs whose first part is an address are together by its first 16 bits, of IPv6 by 32."""
    first, at, _ = lan.partition("@")
    hashed = lan.encode()
    if "/" in first:
        network = ipaddress.ip_network(first)
        if at or not any(network.network_address in other for other in NOT_PUBLIC):
            hashed = network.network_address.packed[: 2 if network.version == 4 else 4]
    value = 2166136261
    for byte in hashed:
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return (value ^ value >> 16) % 16


def counted(lan: str, package: str, hits: int, misses: int, day: str, hour: int = 11) -> tuple[str, str]:
    """Key and text of a live object: counts of five minutes in that hour."""
    key = f"demand/live/{day}/{hour:02}/{lan_part(lan):02}/{uuid.uuid4().hex}"
    return key, f"pakhus-demand 1\nL {lan}\nP {package} 3:{hits}+{misses}\n"


def cells(text: str) -> Iterator[tuple[str, str, int, int, int]]:
    """LAN, package, bucket, hits and misses, of a live object or a day."""
    lan = ""
    for line in text.splitlines():
        kind, *words = line.split(" ")
        lan = words[0] if kind == "L" else lan
        for cell in words[1:] if kind == "P" else []:
            bucket, counts = cell.split(":")
            hits, misses = (int(number or 0) for number in counts.split("+"))
            yield lan, words[0], int(bucket), hits, misses


def of_day(objects: dict[str, str], day: str) -> Counter[tuple[str, str, int, bool]]:
    """(LAN, package, bucket of the day, hit) → how often, by all objects under demand/, live ones and the day's own."""
    found: Counter[tuple[str, str, int, bool]] = Counter()
    folded = {line[2:] for key, text in objects.items() if key.startswith(f"demand/days/{day}/")
              for line in text.splitlines() if line.startswith("F ")}
    for key, text in objects.items():
        _, kind, of, *name = key.split("/")
        if of != day or (kind == "live" and "/".join(name) in folded):
            continue
        first = int(name[0]) * 12 if kind == "live" else 0
        for lan, package, bucket, hits, misses in cells(text):
            found[lan, package, first + bucket, True] += hits
            found[lan, package, first + bucket, False] += misses
    return +found
