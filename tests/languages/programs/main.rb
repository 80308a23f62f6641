require 'socket'

def boom
  raise ArgumentError, 'it broke' # here
end

mode, *rest = ARGV
case mode
when 'hello' then puts 'hello ä€😀'
when 'args' then rest.each { |arg| puts "[#{arg}]" }
when 'cat' then $stdout.write($stdin.read)
when 'env' then puts "[#{ENV.fetch('WORD')}]"
when 'memory'
  puts 'filling'
  kept = []
  loop { kept << ('x' * (8 << 20)) }
when 'exit' then exit 3
when 'stderr'
  puts 'out'
  warn 'err'
when 'crash' then boom
when 'loop'
  puts 'looping'
  loop {}
when 'child'
  Process.detach(spawn('sleep', '6021', pgroup: true, out: File::NULL))
  puts 'begun'
when 'mebibyte' then 16_384.times { |number| puts format('%063d', number) }
when 'files' then File.write('out.txt', "#{File.read('in.txt')}!")
when 'net'
  begin
    Socket.tcp('192.0.2.1', 80, connect_timeout: 5)
    puts 'connected'
  rescue SystemCallError
    puts 'no network'
  end
end
