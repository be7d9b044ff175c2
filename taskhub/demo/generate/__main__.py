"""Write the shipped files again."""

from taskhub.demo.generate.images import write_images
from taskhub.demo.generate.orders import orders_csv
from taskhub.demo.paths import IMAGES, ORDERS_CSV

if __name__ == "__main__":
    ORDERS_CSV.write_bytes(orders_csv())
    IMAGES.mkdir(parents=True, exist_ok=True)
    write_images(IMAGES)
