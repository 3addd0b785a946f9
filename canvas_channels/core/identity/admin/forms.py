"""Forms of the admin for users and developer keys."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.admin.widgets import FilteredSelectMultiple
from django.contrib.auth.forms import AdminUserCreationForm, UsernameField
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.files.uploadedfile import UploadedFile

from canvas_channels.core.identity.admin import logos
from canvas_channels.core.identity.models import Account, AccountLogo, DeveloperKey, User
from canvas_channels.core.identity.oauth.scopes import all_scopes


class SignInForm(AdminAuthenticationForm):
    """People sign in with a login's name, though the user model's own key is its id."""

    username = UsernameField(label="Login", max_length=255, widget=forms.TextInput(attrs={"autofocus": True}))


class UserCreationForm(AdminUserCreationForm):  # type: ignore[type-arg]
    """A new user, with a password or without."""

    class Meta:
        model = User
        fields = ("name", "home_account", "locale", "workflow_state")
        field_classes: ClassVar[dict[str, type[forms.Field]]] = {}


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """An account, with its logo."""

    locale = forms.ChoiceField(choices=settings.LANGUAGES)
    logo = forms.FileField(
        required=False,
        help_text=f"PNG, JPEG or WebP of at most {logos.MAX_BYTES // 1000} KB, for the head of its people's "
        "pages; it is shown at most 144 pixels wide and 36 high.",
    )

    class Meta:
        model = Account
        fields = "__all__"  # noqa: DJ007 - the page names them

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["logo"] = AccountLogo.objects.filter(account=self.instance.pk).first()

    def clean_region(self) -> str:
        region: str = self.cleaned_data["region"].upper()
        return region

    def clean_logo(self) -> bytes | None:
        """Its content; empty where it is to be removed, None where it stays."""
        given = self.cleaned_data["logo"]
        if not isinstance(given, UploadedFile):
            return b"" if given is False else None
        if given.size and given.size > logos.MAX_BYTES:
            raise ValidationError(logos.TOO_LARGE)
        content: bytes = given.read()
        logos.media_type_of(content)
        return content


class DeveloperKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """A developer key. Its scopes are chosen from those that the endpoints have."""

    scopes = forms.MultipleChoiceField(
        required=False, widget=FilteredSelectMultiple("scopes", is_stacked=False)
    )

    class Meta:
        model = DeveloperKey
        fields = "__all__"  # noqa: DJ007 - the page names them

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept = self.instance.scopes or []  # a scope of an endpoint that is gone stays until it is removed
        if "scopes" in self.fields:
            self.fields["scopes"].choices = [  # type: ignore[attr-defined]
                (scope, scope) for scope in dict.fromkeys([*all_scopes(), *kept])
            ]

    def _update_errors(self, errors: ValidationError) -> None:
        """A key without redirect URIs is fine: nobody signs in through it, its tokens come from commands.

        What the person may not change is not theirs to mend either.
        """
        shown = {*self.fields, NON_FIELD_ERRORS}
        if not self.instance.redirect_uris.strip():
            shown.discard("redirect_uris")
        theirs = {name: found for name, found in errors.error_dict.items() if name in shown}
        super()._update_errors(ValidationError(theirs))  # type: ignore[misc]
