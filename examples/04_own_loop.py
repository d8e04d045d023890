"""Use the model as a plain torch module: one's own loop, one's own optimiser."""

import torch

from cofinal import Labels, Task, build_model, generate, load_preset, override, pad_clips


def main() -> None:
    torch.manual_seed(0)
    generated = generate(performances=24, channels=16)
    clips = [torch.from_numpy(values) for values in generated.clips]
    preset = override(load_preset("generated"), {"model.principal_components": 16})
    model = build_model(preset, Task(channels=16, targets=("difficulty", "execution")))
    model.prepare(clips, Labels(generated.scores))  # everything that needs no gradients

    staged, labels = model.stage(clips), Labels(torch.from_numpy(generated.scores).float())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(20):
        losses = model.training_loss(staged, labels)
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        if step % 5 == 0:
            print(step, {name: round(float(value.detach()), 3) for name, value in losses.items()})

    with torch.no_grad():
        output = model.eval()(*pad_clips(clips[:2]))
    print("points:", model.score(output).tolist())


if __name__ == "__main__":
    main()
