import asyncio
import sys

from mcp import Client


async def main() -> None:
    async with Client(sys.argv[1] + "/mcp") as client:
        print(" ".join(sorted(tool.name for tool in (await client.list_tools()).tools)))
        print((await client.call_tool("write_note", {"text": "hello"})).content[0].text)


asyncio.run(main())
