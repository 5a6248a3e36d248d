"""The HTTP service: pictures in, label maps out, and a page to look at them."""
