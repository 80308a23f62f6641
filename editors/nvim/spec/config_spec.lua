local config = require("codebeaker.config")

describe("the options", function()
  after_each(function()
    vim.g.codebeaker = nil
  end)

  it("have defaults", function()
    local options, problems = config.read()
    assert.are.same(config.defaults, options)
    assert.are.same({}, problems)
  end)

  it("are those that are given, one by one", function()
    vim.g.codebeaker = { output = { position = "float" }, timeout_ms = 500, session = { preference = "speed" } }
    local options, problems = config.read()
    assert.are.same({}, problems)
    assert.are.equal("float", options.output.position)
    assert.are.equal(12, options.output.size)
    assert.are.equal(500, options.timeout_ms)
    assert.are.equal("speed", options.session.preference)
  end)

  it("can be what a function gives", function()
    vim.g.codebeaker = function()
      return { lenses = false }
    end
    assert.is_false(config.read().lenses)
  end)

  it("are told by name where they are wrong, and the default is taken", function()
    vim.g.codebeaker = {
      lense = true,
      cmd = {},
      input = "pipe",
      env = { A = 1 },
      output = { position = "left", size = 0 },
      inline = true,
    }
    local options, problems = config.read()
    assert.are.same(config.defaults, options)
    assert.are.same({
      "cmd: must name a program",
      'env: must have strings for names and values, not "A" = 1',
      "inline: must be a table, not true",
      'input: must be one of terminal, none, not "pipe"',
      "lense: there is no such option",
      'output.position: must be one of below, right, float, tab, not "left"',
      "output.size: must be a whole number, 1 or more, not 0",
    }, problems)
  end)

  it("are told of where they are no table, or their function fails", function()
    vim.g.codebeaker = 3
    assert.matches("must be a table or a function", select(2, config.read())[1])
    vim.g.codebeaker = function()
      error("oh")
    end
    assert.matches("oh", select(2, config.read())[1])
  end)
end)
