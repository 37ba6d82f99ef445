import asyncio
import sys

import websockets


async def main() -> None:
    url = sys.argv[1].replace("https://", "wss://", 1)
    async with websockets.connect(url + "/echo") as socket:
        await socket.send("hello")
        print(await socket.recv())


asyncio.run(main())
