import asyncio
import sys

import aiohttp


async def main() -> None:
    async with (
        aiohttp.ClientSession(trust_env=True) as session,
        session.get(sys.argv[1] + "/echo") as answer,
    ):
        answer.raise_for_status()
        print(answer.status)


asyncio.run(main())
