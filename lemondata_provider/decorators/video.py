"""``@task.lemondata_video``: a function writes the request. Source: https://docs.lemondata.cc (create-video)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from airflow.sdk import Context
from airflow.sdk.bases.decorator import DecoratedOperator, TaskDecorator, task_decorator_factory

from lemondata_provider.api.errors import InvalidRequestError
from lemondata_provider.api.redaction import Shielded, shield, shield_literal, unshield
from lemondata_provider.api.request import REQUEST_FIELDS
from lemondata_provider.decorators.returned import fields_from
from lemondata_provider.hooks.annotations import Text
from lemondata_provider.hooks.exceptions import to_airflow_error
from lemondata_provider.hooks.mixin import LemonDataMixin
from lemondata_provider.operators.video import SubmitVideoOperator


class VideoDecoratedOperator(DecoratedOperator, SubmitVideoOperator):
    """
    Call a function, and submit the video that it describes.

    The function runs in every try, and never when the task resumes after its wait.

    :param model: the model that generates; default: the function returns it.
    """

    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *SubmitVideoOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **SubmitVideoOperator.template_fields_renderers,
    }
    custom_operator_name = "@task.lemondata_video"
    returned_fields = REQUEST_FIELDS  # the ones that are not given may still come from the function

    def __init__(self, *, model: Text | None = None, **kwargs: Any) -> None:
        super().__init__(model=model, **kwargs)
        self.op_args = _each_text(self.op_args, shield_literal)  # at once: Airflow stores and shows these attributes
        self.op_kwargs = _each_text(self.op_kwargs, shield_literal)

    def execute(self, context: Context) -> dict[str, Any]:
        """Call the function, and submit what it returns; Airflow has rendered the templates before, and no more."""
        for name, value in self._call(context).items():
            setattr(self, name, shield(value))
        result: dict[str, Any] = super().execute(context)
        return result

    def render_template(self, *args: Any, **kwargs: Any) -> Any:
        """Render a template, and shield its inline media; the function's arguments keep their types."""
        rendered = super(LemonDataMixin, self).render_template(*args, **kwargs)
        return _each_text(rendered, shield)

    def _call(self, context: Context) -> dict[str, Any]:
        positional = [_each_text(value, unshield) for value in self.op_args]
        named = {name: _each_text(value, unshield) for name, value in self.op_kwargs.items()}
        returned = self.python_callable(*positional, **self.determine_kwargs({**context, **named}))
        try:
            return fields_from(self.python_callable.__name__, returned, self.blank_as_none)
        except InvalidRequestError as error:
            raise to_airflow_error(error) from None


def lemondata_video_task(
    python_callable: Callable[..., Any] | None = None, *, multiple_outputs: bool = False, **kwargs: Any
) -> TaskDecorator:
    """
    Make a task of a function that returns a prompt, or a dict of request fields. ::

        @task.lemondata_video(model="veo3.1-fast", wait_for_completion=True)
        def clip(product: str) -> str:
            return f"A slow pan over {product}."

    What the function returns is sent as it is: templates in it are not rendered. A field that it returns replaces the
    decorator's. Unknown keys, other types and blank values fail the task before anything is sent.

    A retry calls the function again. If it returns another request than the submitted one, the retry fails with
    :class:`~lemondata_provider.api.errors.RequestChangedError` and does not pay again. So the function must return
    the same for the same arguments; put a random or generated prompt into a task of its own before this one.

    :param python_callable: the function.
    :param multiple_outputs: push each key of the result as an XCom of its own; default ``False``, whatever the
        function's return type is.
    :param kwargs: the arguments of :class:`~lemondata_provider.operators.video.SubmitVideoOperator`, templated as
        there.
    """
    return task_decorator_factory(
        python_callable,
        multiple_outputs=multiple_outputs,
        decorated_operator_class=VideoDecoratedOperator,
        **kwargs,
    )


def _each_text(value: Any, change: Callable[[Any], Any]) -> Any:
    """Change each text in a value, and leave its containers of the type that they are."""
    if isinstance(value, (str, Shielded)):
        return change(value)
    if type(value) is dict:
        return {_each_text(name, change): _each_text(item, change) for name, item in value.items()}
    if type(value) in (list, tuple, set):
        return type(value)(_each_text(item, change) for item in value)
    return value
