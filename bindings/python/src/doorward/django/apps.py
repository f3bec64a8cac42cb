"""The app ``doorward.django``, with the label ``doorward``."""

from django.apps import AppConfig


class DoorwardConfig(AppConfig):
    name = "doorward.django"
    label = "doorward"
    verbose_name = "Doorward"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import receivers

        receivers.connect()
