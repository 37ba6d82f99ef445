import asyncio
import sys

import aiohttp


async def main() -> None:
    async with aiohttp.ClientSession() as session, session.get(sys.argv[1] + "/echo") as answer:
        print(answer.status)


asyncio.run(main())
