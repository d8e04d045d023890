"""Train on generated performances, then score one that training has not seen."""

from cofinal import CoFInAlRegressor, generate


def main() -> None:
    data = generate(performances=60, channels=16)
    model = CoFInAlRegressor(grades=4, epochs=15, members=2, random_state=0)
    model.fit(data.clips[:59], data.scores[:59], targets=("difficulty", "execution"))

    [told] = model.explain(data.clips[59:])
    [chances] = model.predict_proba(data.clips[59:])
    for target, chance in zip(told.targets, chances, strict=True):
        print(f"{target.target}: {target.score:.2f} points, grade {target.grade}")
        print(f"  grade probabilities, lowest first: {', '.join(f'{c:.2f}' for c in chance)}")
        for one in target.moments:
            print(f"  clip {one.first_clip} counts for {one.value:+.2f} points")

    model.to_scorer().save("model")  # cofinal score, explain and report read it


if __name__ == "__main__":
    main()
