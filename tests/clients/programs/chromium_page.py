import json
import os
import sys
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

proxy = urlsplit(os.environ.get("HTTPS_PROXY", ""))
options = {}
if proxy.hostname:
    options["proxy"] = {
        "server": f"http://{proxy.hostname}:{proxy.port}",
        "username": proxy.username,
        "password": proxy.password,
    }
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(
        executable_path=sys.argv[2],
        args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
        **options,
    )
    page = browser.new_page()
    answer = page.goto(sys.argv[1] + "/page")
    if answer.status != 200:
        raise SystemExit(f"{answer.status} {answer.text()}")
    page.wait_for_function("document.title !== 'waiting'", timeout=10_000)
    print(json.dumps(json.loads(page.title()), sort_keys=True))
    browser.close()
