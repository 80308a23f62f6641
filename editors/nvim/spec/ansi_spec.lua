local ansi = require("codebeaker.ansi")

describe("the filter of what programs print", function()
  local cases = {
    { "colours stay", "a\27[31mred\27[0m", "a\27[31mred\27[0m" },
    { "the clipboard is not reached", "a\27]52;c;aGk=\7b", "ab" },
    { "a title ended by a string terminator goes", "a\27]0;title\27\\b", "ab" },
    { "device control, application and privacy strings go", "\27Pq\27\\\27_x\27\\\27^y\27\\\27Xz\27\\.", "." },
    { "an escape sequence ends a string", "a\27]0;title\27[31mb", "a\27[31mb" },
    { "one string after the other goes", "\27]0;a\27]0;b\7c", "c" },
    { "the characters of C1 that begin a string go", "a\194\157b", "ab" },
    { "other characters of two bytes stay", "é\194\160", "é\194\160" },
    { "cancel ends a string", "\27]0;a\24b", "b" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      assert.are.equal(case[3], ansi.filter()(case[2]))
    end)
    it(case[1] .. ", cut anywhere", function()
      local filter, whole = ansi.filter(), {}
      for at = 1, #case[2] do
        whole[#whole + 1] = filter(case[2]:sub(at, at))
      end
      -- A character of C1 that is cut in two is no character of C1 for a terminal either; the daemon never cuts one.
      if not case[2]:find("\194") then
        assert.are.equal(case[3], table.concat(whole))
      end
    end)
  end
end)

describe("plain text", function()
  it("has no escape sequence, control character or mark of direction", function()
    assert.are.equal("red bold", ansi.plain("\27[31mred\27[0m \27[1;4mbold\27(B\1\127"))
    assert.are.equal("abc", ansi.plain("a\226\128\174b\226\129\166c"))
  end)

  it("has of a line that was written over what was written last", function()
    assert.are.same({ "100 %", "done" }, (ansi.last_lines("1 %\r50 %\r100 %\r\ndone\r\n", 5)))
  end)

  it("has the last lines, and says how many are left out", function()
    local lines, left_out = ansi.last_lines("1\n2\n3\n4\n\n", 2)
    assert.are.same({ "3", "4" }, lines)
    assert.are.equal(2, left_out)
  end)
end)
