# SPDX-License-Identifier: EUPL-1.2
"""Guessing passwords: what PAM of a host really answers, asked as login and sudo ask it."""

from __future__ import annotations

import base64

import pytest

pytestmark = pytest.mark.lab

ACCOUNT, RIGHT = "guessed", "Ri-ght7Pass.wort"
# Asks libpam of the host itself. Arguments: service, account, then a password for each question; "-" asks whether the
# account may come in without one, as after a login by key.
ASK = r"""
import ctypes, sys
class Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]
class Answer(ctypes.Structure):
    _fields_ = [("text", ctypes.c_void_p), ("code", ctypes.c_int)]
Talk = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.POINTER(Message)),
                        ctypes.POINTER(ctypes.POINTER(Answer)), ctypes.c_void_p)
class Conversation(ctypes.Structure):
    _fields_ = [("talk", Talk), ("data", ctypes.c_void_p)]
pam, libc = ctypes.CDLL("libpam.so.0"), ctypes.CDLL("libc.so.6")
libc.calloc.restype = libc.strdup.restype = ctypes.c_void_p
def ask(service, account, password):
    def talk(count, messages, answers, _):
        given = ctypes.cast(libc.calloc(count, ctypes.sizeof(Answer)), ctypes.POINTER(Answer))
        for index in range(count):
            if messages[index].contents.style in (1, 2):
                given[index].text = libc.strdup(password.encode())
        answers[0] = given
        return 0
    conversation, handle = Conversation(Talk(talk), None), ctypes.c_void_p()
    pam.pam_start(service.encode(), account.encode(), ctypes.byref(conversation), ctypes.byref(handle))
    code = pam.pam_acct_mgmt(handle, 0) if password == "-" else pam.pam_authenticate(handle, 0)
    pam.pam_end(handle, code)
    return "yes" if code == 0 else "no"
print(*(ask(*sys.argv[1:3], password) for password in sys.argv[3:]))
"""


@pytest.fixture(scope="module")
def answers(container):
    """Asks the rolled-out container; gives the answers as a list of yes and no."""
    container.at("rolled-out")
    container.run(f"sudo useradd --create-home {ACCOUNT} && echo '{ACCOUNT}:{RIGHT}' | sudo chpasswd")
    program = base64.b64encode(ASK.encode()).decode()

    def ask(service, *passwords):
        container.run(f"sudo faillock --user {ACCOUNT} --reset")
        command = f"echo {program} | base64 -d | sudo python3 - {service} {ACCOUNT} {' '.join(passwords)}"
        return container.run(command).split()[-len(passwords) :]

    yield ask
    container.run(f"sudo userdel --remove {ACCOUNT} 2> /dev/null")


@pytest.mark.parametrize("service", ["login", "sudo"])
def test_wrong_passwords_lock_the_account(answers, service):
    """The fourth wrong password locks, the right one does not open then, and a login by key is not concerned."""
    wrong = ["wrong"] * 4
    assert answers(service, *wrong, RIGHT, "-") == ["no"] * 5 + ["yes"]


@pytest.mark.parametrize("service", ["login", "sudo"])
def test_a_right_password_clears_the_count(answers, service):
    """Three wrong ones, a right one, and the count begins again."""
    wrong = ["wrong"] * 3
    assert answers(service, *wrong, RIGHT, *wrong, RIGHT) == ["no"] * 3 + ["yes"] + ["no"] * 3 + ["yes"]
