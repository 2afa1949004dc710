class Containers:
    machine=False
    @staticmethod
    def require(): ...
