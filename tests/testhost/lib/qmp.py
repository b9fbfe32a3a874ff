"""qmp.py SOCKET COMMAND [JSON-ARGUMENTS] [COMMAND ...]: send commands to a QEMU, print each answer.

A word that starts with { holds the arguments of the command before it. Exit 1 when QEMU refuses one.
"""

import json
import socket
import sys


def main() -> int:
    requests = [{"execute": "qmp_capabilities"}]
    for word in sys.argv[2:]:
        if word.startswith("{"):
            requests[-1]["arguments"] = json.loads(word)
        else:
            requests.append({"execute": word})
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(sys.argv[1])
        stream = connection.makefile("rw")
        stream.readline()  # the greeting
        for request in requests:
            stream.write(json.dumps(request) + "\n")
            stream.flush()
            answer = {"event": None}
            while "event" in answer:
                answer = json.loads(stream.readline())
            if "error" in answer:
                print(answer["error"]["desc"], file=sys.stderr)
                return 1
            if request is not requests[0]:
                value = answer["return"]
                print(value if isinstance(value, str) else json.dumps(value))
    return 0


sys.exit(main())
