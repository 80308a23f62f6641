describe("the types", function()
  it("are those of the protocol; `nvim --clean -l scripts/types.lua` brings them up to date", function()
    local types = dofile("scripts/types.lua")
    local file = assert(io.open(types.FILE))
    local found = file:read("*a")
    file:close()
    assert.are.equal(types.generate(), found)
  end)

  it("have those who install packages", function()
    local found = io.open("lua/codebeaker/types.lua"):read("*a")
    local managers = table.concat(require("codebeaker.packages").MANAGERS, '"|"')
    assert.is_not_nil(found:find(('---@field manager "%s" '):format(managers), 1, true))
  end)

  it("have all that the session of one run can be", function()
    local names, inside = {}, false
    for line in io.lines("lua/codebeaker/types.lua") do
      if vim.startswith(line, "---@class") then
        inside = line == "---@class codebeaker.RunArgument.session"
      elseif inside and vim.startswith(line, "---@field") then
        names[#names + 1] = line:match("^---@field (%w+)")
      end
    end
    table.sort(names)
    assert.are.same(names, require("codebeaker.session").OWN)
  end)
end)
