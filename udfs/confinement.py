"""Take from this process what a decoder does not need: memory, files, other programs, the network.

Linux only, without any package: resource limits, prctl, and a seccomp filter that lets through the few system calls
that reading, computing and answering take. Where the kernel has no seccomp, a user and network namespace of its own
takes at least the network away.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000

# BPF instructions of struct sock_filter, and the offsets of struct seccomp_data.
_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_SET, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT, _THIRD_ARGUMENT = 0, 4, 16, 24, 32
_ALLOW, _DENY = 0x7FFF0000, 0x00050000 | 1  # denied calls fail with EPERM, which libraries handle
_PROT_EXEC = 4

_CALLS = {
    "x86_64": (0xC000003E, {
        "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "munmap": 11, "brk": 12,
        "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17, "readv": 19, "writev": 20,
        "sched_yield": 24, "mremap": 25, "madvise": 28, "nanosleep": 35, "getpid": 39, "sendmsg": 46, "recvmsg": 47,
        "sendto": 44, "recvfrom": 45, "exit": 60, "uname": 63, "fcntl": 72, "gettimeofday": 96, "getrusage": 98,
        "sysinfo": 99, "sigaltstack": 131, "gettid": 186, "time": 201, "futex": 202, "sched_getaffinity": 204,
        "restart_syscall": 219, "clock_gettime": 228, "clock_nanosleep": 230, "exit_group": 231, "newfstatat": 262,
        "ppoll": 271, "getrandom": 318, "statx": 332,
        "mmap": 9, "mprotect": 10, "prlimit64": 302,
    }),
    "aarch64": (0xC00000B7, {
        "read": 63, "write": 64, "close": 57, "fstat": 80, "lseek": 62, "munmap": 215, "brk": 214,
        "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "pread64": 67, "readv": 65, "writev": 66,
        "sched_yield": 124, "mremap": 216, "madvise": 233, "nanosleep": 101, "getpid": 172, "sendmsg": 211,
        "recvmsg": 212, "sendto": 206, "recvfrom": 207, "exit": 93, "uname": 160, "fcntl": 25, "gettimeofday": 169,
        "getrusage": 165, "sysinfo": 179, "sigaltstack": 132, "gettid": 178, "futex": 98, "sched_getaffinity": 123,
        "restart_syscall": 128, "clock_gettime": 113, "clock_nanosleep": 115, "exit_group": 94, "newfstatat": 79,
        "ppoll": 73, "getrandom": 278, "statx": 291,
        "mmap": 222, "mprotect": 226, "prlimit64": 261,
    }),
}  # fmt: skip


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when `parent`, the process that started it, is gone, and not before.

    A SIGTERM to all processes of a service is the parent's to answer: it finishes its batch, which needs this one.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.getppid() != parent:  # it went before we could ask
        sys.exit(1)


def limit_resources(memory_bytes: int, open_files: int) -> None:
    """Limit this process to `memory_bytes` more than it has mapped now; no file may grow, no core is dumped."""
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123 - pathlib would read no faster
        mapped = int(statm.read().split()[0]) * resource.getpagesize()
    _lower(resource.RLIMIT_AS, mapped + memory_bytes)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, open_files)
    _lower(resource.RLIMIT_CORE, 0)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def _lower(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def allow_cpu_seconds(seconds: float) -> None:
    """Let this process use so much more CPU time from now on; the kernel ends it with SIGXCPU after that."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime + seconds) + 1, hard))


def confine() -> str:
    """Take the network, other programs and further files away from this process, for good.

    Returns
    -------
    str
        ``"seccomp"``, ``"namespace"`` (the network alone), or ``"none: …"`` with why neither could be had.
    """
    problems = []
    for means in (_seccomp, _namespace):
        try:
            means()
        except OSError as error:
            problems.append(f"{means.__name__.lstrip('_')}: {error}")
        else:
            return means.__name__.lstrip("_")
    return "none: " + "; ".join(problems)


def _seccomp() -> None:
    machine = platform.machine()
    if machine not in _CALLS:
        raise OSError(f"no filter for {machine}")
    program = _filter(*_CALLS[machine])
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: the number of instructions, padding, and where they are
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer)))
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(header))


def _filter(architecture: int, calls: dict[str, int]) -> bytes:
    """The filter's instructions: each listed call returns "allow"; everything else is denied.

    Memory that can be executed is denied, and so are all limits but this process's own CPU time: who has the rights of
    root could raise the others again.
    """
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_IF_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _DENY),
        (_LOAD, 0, 0, _NUMBER),
    ]
    for name, number in calls.items():
        if name in ("mmap", "mprotect"):
            check = (_LOAD, 0, 0, _THIRD_ARGUMENT), (_JUMP_IF_SET, 0, 1, _PROT_EXEC)
        elif name == "prlimit64":
            lines += [
                (_JUMP_IF_EQUAL, 0, 6, number),
                (_LOAD, 0, 0, _FIRST_ARGUMENT),
                (_JUMP_IF_EQUAL, 0, 2, 0),
                (_LOAD, 0, 0, _SECOND_ARGUMENT),
                (_JUMP_IF_EQUAL, 1, 0, resource.RLIMIT_CPU),
                (_RETURN, 0, 0, _DENY),
                (_RETURN, 0, 0, _ALLOW),
            ]
            continue
        else:
            lines += [(_JUMP_IF_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
            continue
        lines += [(_JUMP_IF_EQUAL, 0, 4, number), *check, (_RETURN, 0, 0, _DENY), (_RETURN, 0, 0, _ALLOW)]
    lines.append((_RETURN, 0, 0, _DENY))
    return b"".join(struct.pack("HBBI", *line) for line in lines)


def _namespace() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _prctl(option: int, argument: int, more: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    if libc.prctl(option, argument, more, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
