"""Ways to contact: what a person does on the page, with scripts and without, by mouse and by keyboard."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from canvas_channels.core.identity.models import User
from channels_api.models import CommunicationChannel, Confirmation, PushDevice
from tests.browser.pages import check_page, sign_in
from tests.factories import FCM_ARN, issue_code, make_account, make_channel, make_device, make_key, make_user

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/profile/communication"


@pytest.fixture
def sheldon() -> User:
    return make_user("Sheldon Cooper")


@pytest.fixture
def open_page(page: Page, sheldon: User) -> Iterator[Page]:
    """The page with two addresses; no error reaches its console."""
    said: list[ConsoleMessage] = []
    page.on("console", lambda message: said.append(message))
    make_channel(sheldon, "sheldon@caltech.example.com")
    make_channel(sheldon, "moonpie@example.com")
    sign_in(page, sheldon)
    page.goto(PAGE)
    yield page
    # A refused form is an answer of 422, which browsers mention.
    errors = [message.text for message in said if message.type in {"error", "warning"}]
    assert [text for text in errors if "status of 422" not in text] == []


def names(page: Page) -> list[str]:
    return page.locator(".channels").get_by_role("heading", level=3).all_inner_texts()


def to_number(page: Page) -> Locator:
    """The field for a phone number, once the switch is at it."""
    page.locator(".switch").get_by_text("Text message").click()
    return page.get_by_role("textbox", name="Phone number for text messages")


def code_of(address: str) -> str:
    """What the worker would send to the address."""
    confirmation = Confirmation.objects.filter(channel__address=address).latest("id")
    issued = issue_code(confirmation)
    Confirmation.objects.mark_sent(confirmation.pk)
    return issued.code


def test_adding_and_confirming_an_address(open_page: Page) -> None:
    page = open_page
    field = page.get_by_label("Email address", exact=True)
    field.fill("no address")
    page.get_by_role("button", name="Add the email address").click()
    expect(page.get_by_text("This is no email address.")).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_value("no address")
    check_page(page, "channels-refused")
    field.fill("new@example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("A message is on its way to new@example.com.")
    expect(
        page.get_by_role("main").get_by_role("listitem").filter(has_text="new@example.com")
    ).to_be_focused()
    expect(page.get_by_text("Not confirmed")).to_be_visible()
    check_page(page, "channels-added")
    page.goto(f"/register/{code_of('new@example.com')}")
    page.get_by_role("button", name="Confirm this address").click()
    page.get_by_role("link", name="See all ways to contact you").click()
    expect(page.get_by_text("Not confirmed")).to_have_count(0)
    assert names(page) == ["sheldon@caltech.example.com", "moonpie@example.com", "new@example.com"]


def test_a_phone_number_is_confirmed_in_place(open_page: Page) -> None:
    page = open_page
    to_number(page).fill("(202) 555-0100")
    page.get_by_role("button", name="Add the phone number").click()
    code = page.get_by_label("Code sent to +1 202-555-0100")
    expect(code).to_be_focused()
    code.fill("000000")
    page.get_by_role("button", name="Confirm", exact=True).click()
    expect(page.get_by_text("This code is wrong, too old, or was tried too often.")).to_be_visible()
    expect(code).to_be_focused()
    check_page(page, "channels-code")
    code.fill(code_of("+12025550100"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("+1 202-555-0100 is confirmed.")
    expect(page.get_by_text("Not confirmed")).to_have_count(0)


def test_asking_again_waits_and_counts(open_page: Page, sheldon: User) -> None:
    page = open_page
    to_number(page).fill("+12025550100")
    page.get_by_role("button", name="Add the phone number").click()
    again = page.get_by_role("button", name="Send again")
    expect(again).to_have_text(re.compile(r"Send again in \d+ s"))
    again.click(force=True)
    assert Confirmation.objects.count() == 1
    Confirmation.objects.update(created_at=timezone.now() - timedelta(seconds=54))
    page.reload()
    expect(again).to_have_text(re.compile(r"Send again in \d s"))
    expect(again).to_have_text("Send again")
    again.click()
    expect(page.get_by_role("status")).to_contain_text("A text message with a code is on its way")
    assert Confirmation.objects.count() == 2


def test_reordering_by_keyboard_alone(open_page: Page, sheldon: User) -> None:
    page = open_page
    make_channel(sheldon, "third@example.com")
    page.reload()
    page.get_by_role("button", name="Move third@example.com up").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("You moved third@example.com to position 2.")
    expect(page.get_by_role("button", name="Move third@example.com up")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("You moved third@example.com to position 1.")
    expect(page.get_by_role("button", name="Move third@example.com down")).to_be_focused()
    assert names(page) == ["third@example.com", "sheldon@caltech.example.com", "moonpie@example.com"]


def test_changing_and_removing(open_page: Page) -> None:
    page = open_page
    page.get_by_label("Change moonpie@example.com").click()
    page.get_by_label("New email address").last.fill("sheldon@caltech.example.com")
    page.get_by_role("button", name="Change it once confirmed").last.click()
    expect(page.get_by_text("This one is there already.")).to_be_visible()
    check_page(page, "channels-change")
    page.get_by_label("New email address").last.fill("pie@example.com")
    page.keyboard.press("Enter")
    expect(page.get_by_text("pie@example.com takes its place once it is confirmed.").last).to_be_visible()
    page.get_by_label("Remove moonpie@example.com").click()
    check_page(page, "channels-remove")
    page.get_by_role("button", name="Remove it").last.click()
    expect(page.get_by_role("status")).to_contain_text("You removed moonpie@example.com.")
    expect(page.get_by_role("heading", name="In this order")).to_be_focused()
    assert names(page) == ["sheldon@caltech.example.com"]
    check_page(page, "channels-undo")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("moonpie@example.com is back.")
    expect(
        page.get_by_role("main").get_by_role("listitem").filter(has_text="moonpie@example.com")
    ).to_be_focused()
    assert names(page) == ["sheldon@caltech.example.com", "moonpie@example.com"]
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("status")).to_have_text("")


def test_bouncing_ones_and_devices_are_explained(open_page: Page, sheldon: User) -> None:
    page = open_page
    CommunicationChannel.objects.filter(address="moonpie@example.com").update(
        bounce_count=2, last_bounce_at=timezone.now()
    )
    make_channel(sheldon, "For All Devices", "push")
    key = make_key(name="Student for Android", sns_arn=FCM_ARN)
    make_device(sheldon, key)
    page.reload()
    expect(page.get_by_text("The last message to this address came back.")).to_be_visible()
    check_page(page, "channels-all")
    page.get_by_role("button", name="Remove Student for Android").click()
    expect(page.get_by_role("status")).to_contain_text("You removed the device.")
    assert not PushDevice.objects.exclude(workflow_state="removed").exists()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("The device is back.")
    expect(page.get_by_role("heading", name="Devices", exact=True)).to_be_focused()
    expect(page.get_by_role("button", name="Remove Student for Android")).to_be_visible()


def test_everything_works_without_scripts(without_scripts: Page, sheldon: User) -> None:
    page = without_scripts
    make_channel(sheldon, "sheldon@caltech.example.com")
    make_channel(sheldon, "For All Devices", "push")
    make_device(sheldon, make_key(name="Student for Android", sns_arn=FCM_ARN))
    sign_in(page, sheldon)
    page.goto(PAGE)
    page.get_by_role("button", name="Remove Student for Android").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("The device is back.")
    to_number(page).fill("nonsense")
    page.get_by_role("button", name="Add the phone number").click()
    expect(page.get_by_text("This is no phone number.")).to_be_visible()
    to_number(page).fill("+12025550100")
    page.get_by_role("button", name="Add the phone number").click()
    page.get_by_role("button", name="Move +1 202-555-0100 up").click()
    expect(page.get_by_role("status")).to_contain_text("You moved +1 202-555-0100 to position 2.")
    page.get_by_label("Code sent to").fill(code_of("+12025550100"))
    page.get_by_role("button", name="Confirm", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("+1 202-555-0100 is confirmed.")
    page.get_by_label("Remove sheldon@caltech.example.com").click()
    page.get_by_role("button", name="Remove it").last.click()
    expect(page.get_by_role("status")).to_contain_text("You removed sheldon@caltech.example.com.")


def test_longer_languages_fit_too(page: Page) -> None:
    user = make_user("Bernadette Rostenkowski", locale="de")
    make_channel(user, "bernadette.maryann.rostenkowski@pharmakologie.example.edu")
    make_channel(user, "+12025550100", "sms", "unconfirmed")
    sign_in(page, user)
    page.goto(PAGE)
    page.get_by_label("Ändern").first.click()
    check_page(page, "channels-german")


def test_who_may_not_edit_is_told_why(page: Page) -> None:
    user = make_user("Lola", make_account("Locked", users_can_edit_comm_channels=False))
    make_channel(user, "lola@example.com")
    sign_in(page, user)
    page.goto(PAGE)
    expect(page.get_by_text("Locked manages these for you.")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("button")).to_have_text(["Send a test message"])
    check_page(page, "channels-locked")
