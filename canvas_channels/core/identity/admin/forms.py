"""Forms of the admin for users and developer keys."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.admin.widgets import FilteredSelectMultiple
from django.contrib.auth.forms import AdminUserCreationForm, UsernameField
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from canvas_channels.core.identity.models import Account, DeveloperKey, User
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
    locale = forms.ChoiceField(choices=settings.LANGUAGES)

    class Meta:
        model = Account
        fields = "__all__"  # noqa: DJ007 - the page names them

    def clean_region(self) -> str:
        region: str = self.cleaned_data["region"].upper()
        return region


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
