"""Services and goods: orders, vouchers and hand-over."""
