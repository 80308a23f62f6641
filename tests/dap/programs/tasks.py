import asyncio


async def count(name):
    await asyncio.sleep(0.01)
    total = len(name)
    return total


async def main():
    print("total", sum(await asyncio.gather(count("one"), count("three"))))


asyncio.run(main())
