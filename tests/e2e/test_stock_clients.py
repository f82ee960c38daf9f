"""test_stock_clients.py - unchanged MessagePack-RPC clients: Neovim's channels and pynvim's session."""
import json
import os
import shutil
import subprocess
import unittest

import harness
from operations import OperationsTest

try:
    from pynvim import msgpack_rpc
except ImportError:
    msgpack_rpc = None

# What a plug-in would do: connect, ask, wait, and be pushed to by way of nvim_exec_lua.
NEOVIM = """
local out = {}
local channel = vim.fn.sockconnect('pipe', vim.env.FUTURED_SOCKET, { rpc = true })
local function ask(method, params)
  return vim.fn.rpcrequest(channel, method, params or vim.empty_dict())
end
out.server = ask('server.hello').server
pushed = {}
ask('future.subscribe', { method = 'nvim_exec_lua', prefix = { 'table.insert(pushed, (...))' } })
local creation = vim.fn.json_decode(vim.env.CREATION)
out.created = ask('future.create', creation)
out.waited = ask('future.wait', { ids = { out.created.id }, timeout = 60 })
out.result = ask('future.result', { id = out.created.id }).result
local ended = vim.wait(60000, function()
  local last = pushed[#pushed]
  return last and last.state == 'succeeded'
end, 10)
out.pushed = pushed
out.ended = ended
local ok, message = pcall(ask, 'future.get', { id = '01900000-0000-7000-8000-000000000000' })
out.refused = { ok, tostring(message) }
local file = io.open(vim.env.OUTPUT, 'w')
file:write(vim.fn.json_encode(out))
file:close()
vim.cmd('qall!')
"""


class Neovim(OperationsTest):
    @unittest.skipUnless(shutil.which("nvim"), "nvim is not here")
    def test_create_wait_and_be_pushed_to(self):
        self.google.add("operations/vim", polls=3, response=b'{"n": 1}')
        script = os.path.join(self.home.path, "script.lua")
        output = os.path.join(self.home.path, "output.json")
        with open(script, "w") as file:
            file.write(NEOVIM)
        env = dict(self.home.env, FUTURED_SOCKET=self.home.socket, OUTPUT=output,
                   CREATION=json.dumps(self.creation("operations/vim")))
        done = subprocess.run(["nvim", "--headless", "-u", "NONE", "-i", "NONE", "-n", "-c", f"luafile {script}",
                               "-c", "cquit"], env=env, capture_output=True, text=True, timeout=harness.PATIENCE)
        self.assertTrue(os.path.exists(output), done.stderr)
        with open(output) as file:
            out = json.load(file)
        self.assertEqual(out["server"], "futured")
        self.assertEqual(out["waited"]["done"], [out["created"]["id"]])
        self.assertEqual(out["result"], '{"n": 1}')
        self.assertTrue(out["ended"])
        self.assertEqual(out["pushed"][0]["event"], "created")
        self.assertEqual(out["pushed"][-1]["state"], "succeeded")
        self.assertFalse(out["refused"][0])
        self.assertIn("NotFound: ", out["refused"][1])


@unittest.skipUnless(msgpack_rpc, "pynvim is not here")
class Pynvim(OperationsTest):
    def setUp(self):
        super().setUp()
        # The stock session; it greets with a notification that the daemon does not know.
        self.session = msgpack_rpc.socket_session(self.home.socket)
        self.session.error_wrapper = lambda error: RuntimeError(error)

    def tearDown(self):
        self.session.close()

    def test_create_wait_and_result(self):
        self.google.add("operations/py", polls=3, response=b'{"n": 1}')
        made = self.session.request("future.create", self.creation("operations/py"))
        waited = self.session.request("future.wait", {"ids": [made["id"]], "timeout": 60})
        self.assertEqual(waited["done"], [made["id"]])
        result = self.session.request("future.result", {"id": made["id"]})["result"]
        self.assertEqual(result if isinstance(result, bytes) else result.encode(), b'{"n": 1}')

    def test_an_error_is_readable(self):
        with self.assertRaises(RuntimeError) as caught:
            self.session.request("future.get", {"id": "01900000-0000-7000-8000-000000000000"})
        self.assertTrue(str(caught.exception).startswith("NotFound: "), caught.exception)

    def test_push(self):
        self.google.add("operations/push", polls=1, response=b"{}")
        self.session.request("future.subscribe", {"method": "moved", "prefix": ["here"]})
        self.session.request("future.create", self.creation("operations/push"))
        kind, method, params = self.session.next_message()
        self.assertEqual((kind, method, params[0], params[1]["event"]), ("notification", "moved", "here", "created"))


if __name__ == "__main__":
    harness.main()
