"""Compare two methods on folds that share no event, with intervals and paired differences."""

from sklearn.model_selection import GroupKFold

from cofinal import CoFInAlRegressor, create_method, evaluate, generate


def main() -> None:
    data = generate(performances=60, channels=16)
    errors = []
    for method in (create_method("ridge"), CoFInAlRegressor(epochs=15, members=2)):
        groups = {"event": data.events}
        result = evaluate(method, data.clips, data.scores, cv=GroupKFold(3), groups=groups)
        print(result.method)
        print(result.table())
        errors.append(abs(result.predictions[0] - data.scores).mean(axis=1))
    better = int((errors[1] < errors[0]).sum())
    print(f"cofinal is closer to the judges for {better} of {len(data.clips)} performances")


if __name__ == "__main__":
    main()
