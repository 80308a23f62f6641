# Runs gem or bundler in a sandbox, or says what they have installed. The first word says which:
#   gem, bundle      with the words that follow it, and no program of a package's unless the second is `scripts`
#   list             the session's gems
#   conflicts        what they need and is not there

# Nobody has bundler here.
NO_BUNDLER = 69

kind = ARGV.shift
if %w[gem bundle].include?(kind) && ARGV.shift != "scripts"
  require "rubygems/ext"

  # What an installed gem would like to be run with each call.
  def Gem.load_plugin_files(*) = nil
  def Gem.load_env_plugins = nil

  class Gem::Ext::Builder
    def build_extensions
      return if @spec.extensions.empty?

      raise Gem::InstallError, "#{@spec.full_name} has to be built, which needs `scripts: true`"
    end
  end
end

# The gems in the session's directory, each name's oldest first.
def own
  files = Dir[File.join(ENV.fetch("GEM_HOME"), "specifications", "*.gemspec")]
  files.filter_map { |file| Gem::Specification.load(file) }.sort_by { |spec| [spec.name, spec.version] }
end

case kind
when "gem"
  require "rubygems/gem_runner"
  require "rubygems/config_file"

  # There is one connection to a host, whoever waits for it, and where a download fails those who wait may keep gem from ending.
  class Gem::ConfigFile
    def concurrent_downloads = 1
  end
  Gem::GemRunner.new.run(ARGV.dup)
when "bundle"
  begin
    program = Gem.bin_path("bundler", "bundle")
  rescue Gem::MissingSpecError
    exit NO_BUNDLER
  end
  load program
when "list"
  require "json"
  puts JSON.generate(own.map { |spec| { name: spec.name, version: spec.version.to_s } })
when "conflicts"
  own.each do |spec|
    missing = spec.runtime_dependencies.reject { |needed| needed.matching_specs.any? }
    missing.each { |needed| puts "#{spec.name} #{spec.version} needs #{needed.name} #{needed.requirement}, which is not there" }
  end
end
