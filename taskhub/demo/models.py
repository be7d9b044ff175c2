"""Store what the sample tasks import: uploaded files and the orders in them."""

from uuid import uuid4

from django.db import models


def stored_name(upload: "Upload", name: str) -> str:
    """Return a path that nobody can guess or choose."""
    return f"demo/uploads/{uuid4().hex}.csv"


class Upload(models.Model):
    """A CSV file that a visitor sent; `name` is what the visitor calls it, never a path of ours."""

    name = models.CharField(max_length=200)
    file = models.FileField(upload_to=stored_name)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Order(models.Model):
    """One order of the shop; importing the same number again updates it."""

    number = models.CharField(max_length=20, unique=True)
    ordered_on = models.DateField()
    customer = models.CharField(max_length=100)
    email = models.EmailField()
    country = models.CharField(max_length=2)
    items = models.PositiveIntegerField()
    total = models.DecimalField(max_digits=10, decimal_places=2)

    class Meta:
        indexes = [models.Index(fields=["country"], name="demo_order_country")]

    def __str__(self) -> str:
        return self.number
