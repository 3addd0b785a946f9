"""Choosing how often one is told about what."""

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

from canvas_channels.core.identity.models import Account, User
from channels_api.models import CommunicationChannel
from notifications.preferences import mandatory, rules
from notifications.preferences.models import NotificationCategory
from tests.browser.pages import PHONE, check_fits, check_page, colour_of, sign_in
from tests.factories import load_catalogue, make_channel, make_user

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/profile/notifications"


@pytest.fixture(autouse=True)
def _catalogue(transactional_db: None) -> None:
    load_catalogue()


def grades(channel: CommunicationChannel) -> set[str]:
    """What the channel is told at once, daily, weekly or never of grades."""
    return {entry["frequency"] for entry in rules.of_channel(channel) if entry["category"] == "grading"}


def test_a_choice_is_saved_at_once_and_keeps_the_keyboards_place(page: Page) -> None:
    user = make_user()
    first, second = make_channel(user, "a-name-of-24-characters@example.edu"), make_channel(user)
    make_channel(user)
    sign_in(page, user)
    page.goto(PAGE)
    expect(page.get_by_role("combobox", name=f"Grades {first.address}")).to_have_value("immediately")
    choice = page.get_by_role("combobox", name=f"Grades {second.address}")
    choice.select_option("weekly")
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(choice).to_have_value("weekly")
    check_page(page, "preferences")
    assert grades(second) == {"weekly"}


def test_the_last_choice_counts_even_if_its_request_is_the_faster_one(page: Page) -> None:
    user = make_user()
    channel = make_channel(user)
    sign_in(page, user)
    page.goto(PAGE)
    held: list[Route] = []
    page.route("**" + PAGE, lambda route: held.append(route))
    choice = page.get_by_role("combobox", name=f"Grades {channel.address}")
    choice.select_option("never")
    choice.select_option("weekly")
    page.wait_for_timeout(500)  # for both requests, if the second one does not wait for the first
    for _ in range(2):
        while not held:
            page.wait_for_timeout(10)
        with page.expect_event("requestfinished"):
            held.pop().continue_()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    assert grades(channel) == {"weekly"}


def test_a_choice_that_is_not_saved_is_said_so(page: Page) -> None:
    user = make_user()
    channel = make_channel(user)
    sign_in(page, user)
    page.goto(PAGE)
    page.route("**" + PAGE, lambda route: route.fulfill(status=503))
    page.get_by_role("combobox", name=f"Grades {channel.address}").select_option("never")
    status = page.get_by_role("status")
    expect(status).to_contain_text("That was not saved.")
    toast = status.locator(".toast.error")
    danger = colour_of(page, "--danger")
    for part, colour in ((toast, "border-inline-start-color"), (toast.locator(".icon").first, "color")):
        expect(part).to_have_css(colour, danger)
    expect(toast.get_by_role("button", name="Close")).to_be_visible()
    page.unroute("**" + PAGE)
    check_page(page, "preferences-not-saved")
    toast.get_by_role("button", name="Close").click()
    expect(status).to_have_text("")
    assert grades(channel) == {"immediately"}


def test_topics_are_filtered(page: Page) -> None:
    user = make_user()
    make_channel(user)
    sign_in(page, user)
    page.goto(PAGE)
    expect(page.get_by_role("rowheader", name="Discussions", exact=True)).to_be_visible()
    page.get_by_label("Filter the topics").fill(" gRADEs")
    expect(page.get_by_role("rowheader", name="Grades")).to_be_visible()
    expect(page.get_by_role("rowheader", name="Announcements")).to_have_count(0)
    expect(page.get_by_role("rowheader", name="Discussions", exact=True)).to_have_count(0)
    page.get_by_label("Filter the topics").fill("")
    expect(page.get_by_role("rowheader", name="Announcements").first).to_be_visible()


def test_all_of_a_channel_is_set_at_once_where_one_is_sure(page: Page) -> None:
    user = make_user()
    first, second = make_channel(user), make_channel(user)
    sign_in(page, user)
    page.goto(PAGE)
    head = page.get_by_role("combobox", name=f"Set all of {first.address}")
    grades, others = (page.get_by_role("combobox", name=f"Grades {each.address}") for each in (first, second))
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        if len(asked) == 1:
            dialog.dismiss()
        else:
            dialog.accept()

    page.on("dialog", answer)
    head.select_option("weekly")
    expect(head).to_have_value("")
    expect(grades).to_have_value("immediately")
    head.select_option("weekly")
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(grades).to_have_value("weekly")
    expect(others).to_have_value("never")
    assert asked == ["Set all topics of this way to contact to “Weekly”?"] * 2
    page.reload()
    expect(grades).to_have_value("weekly")
    expect(others).to_have_value("never")


def test_on_a_phone_one_channel_is_picked(page: Page) -> None:
    user = make_user()
    Account.objects.update(sms_notifications=False)
    number = make_channel(user, "+16265550100", "sms")
    first, second = make_channel(user), make_channel(user)
    sign_in(page, user)
    page.set_viewport_size(PHONE)
    page.goto(PAGE)
    shown, others, nothing = (
        page.locator(f"select[name^='{each.pk}.']").last for each in (first, second, number)
    )
    expect(shown).to_be_visible()  # the first that something is sent to
    expect(others).to_be_hidden()
    expect(nothing).to_have_count(0)
    page.get_by_text(second.address).first.click()
    expect(others).to_be_visible()
    expect(shown).to_be_hidden()
    page.get_by_role("radio", name=second.address).press("ArrowLeft")
    expect(shown).to_be_visible()
    for language in ("de", "es"):  # with longer words
        User.objects.update(locale=language)
        page.reload()
        check_fits(page)


def test_many_columns_leave_no_empty_page_below(page: Page) -> None:
    user = make_user()
    for _ in range(6):
        make_channel(user)
    sign_in(page, user)
    page.goto(PAGE)
    below = "() => document.documentElement.scrollHeight - document.body.getBoundingClientRect().height"
    assert page.evaluate(below) <= 1


def test_without_scripts_the_button_saves(without_scripts: Page) -> None:
    page = without_scripts
    user = make_user()
    channel = make_channel(user)
    sign_in(page, user)
    page.goto(PAGE)
    page.get_by_role("combobox", name=f"Grades {channel.address}").select_option("daily")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(page.get_by_role("combobox", name=f"Grades {channel.address}")).to_have_value("daily")


def test_what_the_institution_decided_is_locked(page: Page) -> None:
    user = make_user()
    first, second = make_channel(user), make_channel(user)
    Account.objects.update(name="Caltech")
    category = NotificationCategory.objects.get(slug="grading")
    mandatory.change(user.home_account, {category.pk: True})
    sign_in(page, user)
    page.goto(PAGE)
    row = page.get_by_role("row", name="Grades")
    expect(row.get_by_role("rowheader")).to_contain_text("Decided by Caltech: always by email, at once.")
    expect(page.get_by_role("combobox", name=f"Grades {first.address}")).to_have_count(0)
    expect(row.get_by_role("cell").first).to_have_text("At once")
    expect(page.get_by_role("combobox", name=f"Grades {second.address}")).to_be_visible()
    expect(page.get_by_text("Decided by")).to_have_count(1)
    check_page(page, "preferences-mandatory")
