"""Dual's x step: the forward differences and the closed solution of the quadratic problem (eq. 10)."""

import numpy as np
import pytest
import torch
from tests.models.dual_networks import build, picture

from jpegmend.models import dual
from jpegmend.models.files import example


def difference_matrices(height: int, width: int) -> list[np.ndarray]:
    """Horizontal and vertical forward differences of a raveled picture, no next pixel: no difference."""
    matrices = []
    for step_i, step_j in ((0, 1), (1, 0)):
        D = np.zeros((height * width, height * width))
        for i in range(height - step_i):
            for j in range(width - step_j):
                D[i * width + j, (i + step_i) * width + j + step_j] += 1
                D[i * width + j, i * width + j] -= 1
        matrices.append(D)
    return matrices


def test_gradient_and_its_adjoint() -> None:
    x, g = picture(1, 1, 7, 9), picture(1, 2, 7, 9, seed=1)
    D_h, D_v = difference_matrices(7, 9)
    ravelled = x.numpy().ravel()
    np.testing.assert_allclose(dual.gradient(x)[0, 0].numpy().ravel(), D_h @ ravelled, atol=1e-15)
    np.testing.assert_allclose(dual.gradient(x)[0, 1].numpy().ravel(), D_v @ ravelled, atol=1e-15)
    left, right = (dual.gradient(x) * g).sum(), (x * dual.gradient_adjoint(g)).sum()
    torch.testing.assert_close(left, right)


@pytest.mark.parametrize("size", [(16, 16), (11, 6), (1, 5)])
@pytest.mark.parametrize(("alpha", "beta"), [(0.01, 0.01), (0.5, 20.0)])
def test_x_solves_the_normal_equations(size: tuple[int, int], alpha: float, beta: float) -> None:
    y, u, g = picture(1, 1, *size), picture(1, 1, *size, seed=1), picture(1, 2, *size, seed=2) - 0.5
    x = dual.solve(y.float(), u.float(), g.float(), torch.tensor(alpha), torch.tensor(beta)).double().numpy().ravel()
    D = difference_matrices(*size)
    A = (1 + alpha) * np.eye(size[0] * size[1]) + beta * sum(D_d.T @ D_d for D_d in D)
    b = y.numpy().ravel() + alpha * u.numpy().ravel()
    b += beta * sum(D_d.T @ g[0, d].numpy().ravel() for d, D_d in enumerate(D))
    assert np.linalg.norm(A @ x - b) / np.linalg.norm(b) < 1e-5
    np.testing.assert_allclose(x, np.linalg.solve(A, b), atol=1e-5)


def test_x_is_equation_10_of_the_mirrored_picture() -> None:
    H, W, alpha, beta = 6, 9, 0.3, 2.0
    y, u, g = picture(1, 1, H, W), picture(1, 1, H, W, seed=1), picture(1, 2, H, W, seed=2)

    def mirrored(plane: np.ndarray) -> np.ndarray:
        plane = np.concatenate([plane, plane[:, ::-1]], 1)
        return np.concatenate([plane, plane[::-1]], 0)

    def mirrored_difference(plane: np.ndarray) -> np.ndarray:
        """A difference along the last axis changes its sign in the mirror, and is zero at the mirror."""
        inner, zero = plane[:, :-1], np.zeros((plane.shape[0], 1))
        plane = np.concatenate([inner, zero, -inner[:, ::-1], zero], 1)
        return np.concatenate([plane, plane[::-1]], 0)

    F = np.fft.fft2
    h, v = np.zeros((2 * H, 2 * W)), np.zeros((2 * H, 2 * W))
    h[0, 0] = v[0, 0] = -1
    h[0, -1] = v[-1, 0] = 1
    g_h, g_v = mirrored_difference(g[0, 0].numpy()), mirrored_difference(g[0, 1].numpy().T).T
    above = F(mirrored(y[0, 0].numpy())) + alpha * F(mirrored(u[0, 0].numpy()))
    above = above + beta * (F(h).conj() * F(g_h) + F(v).conj() * F(g_v))
    below = 1 + alpha + beta * (abs(F(h)) ** 2 + abs(F(v)) ** 2)
    expected = np.fft.ifft2(above / below).real[:H, :W]
    actual = dual.solve(y, u, g, torch.tensor(alpha), torch.tensor(beta))
    np.testing.assert_allclose(actual[0, 0].numpy(), expected, atol=1e-7)


def test_opposite_borders_do_not_touch() -> None:
    step = torch.zeros(1, 1, 8, 48)
    step[..., 24:] = 1
    smooth = dual.solve(step, step, torch.zeros(1, 2, 8, 48), torch.tensor(0.0), torch.tensor(4.0))
    assert smooth[..., 0].abs().max() < 1e-4
    assert (smooth[..., -1] - 1).abs().max() < 1e-4
    assert 0.1 < smooth[0, 0, 4, 23] < 0.5


@pytest.mark.parametrize("deblocker", ["dense", "l1"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_x_step_stays_in_float32(dtype: torch.dtype, deblocker: str) -> None:
    network, seen = build(deblocker=deblocker), example(dual.SPEC, dual.Config(), 16, 24)
    plain = network(seen).planes
    with torch.autocast("cpu", torch.bfloat16):
        mixed = network(seen).planes
    assert mixed.dtype == torch.float32
    assert (mixed - plain).abs().max() < 2e-3
    answer = network.to(dtype)(seen._replace(planes=seen.planes.to(dtype))).planes
    assert answer.dtype == dtype
    assert (answer.float() - plain).abs().max() < 2e-2
