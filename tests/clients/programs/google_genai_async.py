import asyncio
import sys

from google import genai


async def main() -> None:
    async with genai.Client(api_key="k", http_options={"base_url": sys.argv[1]}).aio as client:
        print((await client.models.generate_content(model="m", contents="hi")).text)
        pieces = await client.models.generate_content_stream(model="m", contents="hi")
        print("".join([piece.text or "" async for piece in pieces]))


asyncio.run(main())
