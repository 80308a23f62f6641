--- Files of sessions as buffers, `codebeaker://SESSION/PATH`. A path that ends in `/` is a directory, in which `<CR>`
--- goes on and `-` goes back. A file is written only if nobody has changed it in the meantime.

local M = {}

local TIMEOUT_MS = 10000

---@param uri string
---@return string? session_id
---@return string path from the workspace; with a `/` at its end, a directory
local function parse(uri)
  local session_id, path = uri:match("^codebeaker://([%w_%-]+)/?(.*)$")
  return session_id, path or ""
end

---Asks, and waits: Neovim's own commands do.
---@param session_id string
---@param method string
---@param params table
---@return table? result
---@return codebeaker.Error? err
local function ask(session_id, method, params)
  local clients = require("codebeaker.client")
  params.sessionId = session_id
  local last
  for _, client in ipairs(clients.all()) do
    local done, err, result = false, nil, nil
    clients.request(client, method, params, function(failure, answer)
      done, err, result = true, failure, answer
    end, { quiet = true })
    vim.wait(TIMEOUT_MS, function()
      return done
    end, 5)
    if result then
      return result
    end
    last = err or { code = 0, message = "the daemon does not answer" }
    -- 1100: another daemon may have this session.
    if last.code ~= 1100 then
      break
    end
  end
  return nil, last or { code = 0, message = "no daemon runs, and so there are no sessions" }
end

---@param buffer integer
---@param lines string[]
local function fill(buffer, lines)
  vim.bo[buffer].modifiable = true
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  vim.bo[buffer].modified = false
end

---@param buffer integer
---@param session_id string
---@param path string
local function list(buffer, session_id, path)
  local plain = path:gsub("/$", "")
  local result, err = ask(session_id, "fs/list", { path = plain ~= "" and plain or nil, hidden = true })
  if not result then
    require("codebeaker.say").failure(err --[[@as codebeaker.Error]])
    return
  end
  local lines = vim.tbl_map(function(entry)
    return entry.name:gsub("[%c]", "?") .. (entry.type == "directory" and "/" or "")
  end, result.entries)
  fill(buffer, lines)
  vim.bo[buffer].modifiable = false
  vim.bo[buffer].buftype = "nofile"
  vim.bo[buffer].filetype = "codebeaker-files"
  local function go(where)
    vim.cmd.edit(vim.fn.fnameescape(("codebeaker://%s/%s"):format(session_id, where)))
  end
  vim.keymap.set("n", "<CR>", function()
    local entry = result.entries[vim.api.nvim_win_get_cursor(0)[1]]
    if entry then
      go(entry.path .. (entry.type == "directory" and "/" or ""))
    end
  end, { buffer = buffer, desc = "Open" })
  vim.keymap.set("n", "-", function()
    local parent = plain:match("^(.*)/[^/]*$")
    go(parent and parent .. "/" or "")
  end, { buffer = buffer, desc = "The directory above" })
end

---@param buffer integer
---@param uri string
function M.read(buffer, uri)
  local session_id, path = parse(uri)
  if not session_id then
    require("codebeaker.say").error(("%s names no file of a session; see :help codebeaker-files"):format(uri))
    return
  end
  vim.bo[buffer].swapfile = false
  if path == "" or path:sub(-1) == "/" then
    list(buffer, session_id, path)
    return
  end
  local result, err = ask(session_id, "fs/read", { path = path })
  -- 1500: a file that is about to be written for the first time.
  if not result and err and err.code ~= 1500 then
    require("codebeaker.say").failure(err)
    return
  end
  local data = result and result.data or ""
  if result and result.encoding == "base64" then
    data = vim.base64.decode(data)
  end
  vim.b[buffer].codebeaker_etag = result and result.etag or nil
  vim.bo[buffer].buftype = "acwrite"
  vim.bo[buffer].endofline = data:sub(-1) == "\n" or data == ""
  vim.bo[buffer].fixendofline = false
  fill(
    buffer,
    vim.tbl_map(function(line)
      -- A line of a buffer can hold a zero, as a newline.
      return (line:gsub("%z", "\n"))
    end, vim.split(data:gsub("\n$", ""), "\n", { plain = true }))
  )
  local filetype = vim.filetype.match({ buf = buffer, filename = path })
  if filetype then
    vim.bo[buffer].filetype = filetype
  end
end

---@param buffer integer
---@param uri string
function M.write(buffer, uri)
  local session_id, path = parse(uri)
  if not session_id or path == "" then
    require("codebeaker.say").error(("%s names no file of a session"):format(uri))
    return
  end
  local lines = vim.tbl_map(function(line)
    return (line:gsub("\n", "\0"))
  end, vim.api.nvim_buf_get_lines(buffer, 0, -1, false))
  local data = table.concat(lines, "\n") .. (vim.bo[buffer].endofline and "\n" or "")
  local etag = vim.b[buffer].codebeaker_etag
  local result, err = ask(session_id, "fs/write", {
    path = path,
    data = vim.base64.encode(data),
    encoding = "base64",
    mode = etag and "replace" or "create",
    ifMatch = etag,
  })
  if not result then
    require("codebeaker.say").failure(err --[[@as codebeaker.Error]])
    return
  end
  vim.b[buffer].codebeaker_etag = result.etag
  vim.bo[buffer].modified = false
end

return M
