"""``python -m tests.faults.seed USERS ARN`` makes people with tokens, and prints a JSON object for each."""

import json
import sys

import django


def main(users: int, arn: str) -> None:
    from tests.factories import make_key, make_token, make_user

    key = make_key(sns_arn=arn)
    for number in range(users):
        user = make_user(f"Person {number}")
        sys.stdout.write(json.dumps({"id": user.pk, "token": make_token(user, key)}) + "\n")


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]), sys.argv[2])
