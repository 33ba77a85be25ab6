"""What devices asked for, as an instance of query would have written it (lib/placement/demand.h)."""

import uuid


def lan_part(lan: str) -> int:
    """As lib/placement/lan.c has it."""
    value = 2166136261
    for byte in lan.encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return (value ^ value >> 16) % 16


def counted(lan: str, package: str, hits: int, misses: int, day: str, hour: int = 11) -> tuple[str, str]:
    """Key and text of a live object: counts of five minutes in that hour."""
    key = f"demand/live/{day}/{hour:02}/{lan_part(lan):02}/{uuid.uuid4().hex}"
    return key, f"pakhus-demand 1\nL {lan}\nP {package} 3:{hits}+{misses}\n"
