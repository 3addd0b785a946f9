"""``python -m tests.faults.seed USERS ARN`` makes people and an admin with tokens; prints JSON for each."""

import json
import sys

import django


def main(users: int, arn: str) -> None:
    from tests.factories import make_admin, make_channel, make_key, make_token, make_user

    key = make_key(sns_arn=arn)
    for number in range(users):
        login = f"person{number}@home.example.edu"
        user = make_user(f"Person {number}", login=login)
        make_channel(user, login)
        person = {"id": user.pk, "token": make_token(user, key), "login": login, "client_id": key.client_id}
        sys.stdout.write(json.dumps(person) + "\n")
    admin = make_admin()
    sys.stdout.write(json.dumps({"id": admin.pk, "token": make_token(admin, key), "admin": True}) + "\n")


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]), sys.argv[2])
