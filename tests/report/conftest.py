"""A page in the browser that must say nothing on its console and ask nothing of another host."""

import pytest

LOCAL = ("file:", "data:", "about:")


@pytest.fixture
def silent_page(browser):
    """Opens a file in a window of a width and height; at the end it has neither complained nor sent a request."""
    complaints, contexts = [], []

    def open_page(path, *, width, height):
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(LOCAL) else complaints.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
