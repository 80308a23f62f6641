--- Where the daemon is: what the options name, `$CODEBEAKER_BIN`, the `PATH`, and where cargo installs.
---
--- It is looked for again each time, so that whoever installs it has nothing to restart.

local M = {}

local NAME = "codebeaker"

---The command that starts the daemon.
---@return string[]? command nothing where there is none
---@return string[] tried where it was looked for
function M.find()
  local cmd = require("codebeaker.config").get().cmd
  if cmd then
    local program = vim.fn.exepath(vim.fs.normalize(cmd[1]))
    return program ~= "" and { program, unpack(cmd, 2) } or nil, { ("`%s`, which `cmd` names"):format(cmd[1]) }
  end
  local named = vim.env.CODEBEAKER_BIN
  if named and named ~= "" then
    local program = vim.fn.exepath(vim.fn.fnamemodify(named, ":p"))
    return program ~= "" and { program } or nil, { ("`%s`, which $CODEBEAKER_BIN names"):format(named) }
  end
  local cargo = vim.fs.normalize("~/.cargo/bin/") .. "/" .. NAME
  for _, candidate in ipairs({ NAME, cargo }) do
    local program = vim.fn.exepath(candidate)
    if program ~= "" then
      return { program }, {}
    end
  end
  return nil, { ("`%s` on the PATH"):format(NAME), ("`%s`"):format(cargo) }
end

---What to do about a daemon that is missing.
---@type string[]
M.advice = {
  "install it: `cargo install --locked --path .` in a checkout of codebeaker",
  'or say where it is: `:let g:codebeaker = #{cmd: ["/path/to/codebeaker"]}`',
}

---@param tried string[]
---@return string
function M.missing(tried)
  return table.concat({
    "the daemon is not there; looked for " .. table.concat(tried, ", "),
    "- " .. table.concat(M.advice, "\n- "),
    "Nothing has to be restarted then. :checkhealth codebeaker has more.",
  }, "\n")
end

return M
