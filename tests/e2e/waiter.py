"""waiter.py - a process that creates what it is told to on standard input and waits for it: says what was new, and how all ended."""
import json
import sys

from rpc import Client


def main():
    order = json.load(sys.stdin)
    with Client(order["socket"], timeout=order["patience"]) as client:
        numbers = [client.send("future.create", creation) for creation in order["creations"]]
        made = [client.reply(number) for number in numbers]
        ids = [reply["id"] for reply in made]
        states = client.call("future.wait", {"ids": ids})["states"]
        numbers = [client.send("future.result", {"id": some_id}) for some_id in ids]
        results = [client.reply(number)["result"].decode() for number in numbers]
    json.dump({"created": sum(reply["created"] for reply in made), "ids": ids, "states": states, "results": results}, sys.stdout)


main()
