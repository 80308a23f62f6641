import threading


def work(number):
    number = number + 1
    results.append(number)

results = []
worker = threading.Thread(target=work, args=(41,), name="worker of the test")
worker.start()
worker.join()
print("results", results)
